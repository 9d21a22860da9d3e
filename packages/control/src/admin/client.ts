import { lstatSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { http } from '../node-http.ts';
import type { AdminOperations, ProblemAnswer } from './contract.ts';
import { ROUTES } from './routes.ts';
import { problemAnswer } from './schemas.ts';

export interface AdminClientOptions {
  /** Path of the socket file. */
  readonly socket: string;
  /** Who calls, for the record. What is no name is not believed. */
  readonly author: string;
  /** Whose sockets are asked. Default: those of this process's user. */
  readonly uid?: number | undefined;
}

export type Outcome<T> =
  | { readonly kind: 'answer'; readonly answer: T }
  | { readonly kind: 'problem'; readonly problem: ProblemAnswer }
  | Unreachable;

/** There is nobody to ask, or not for us. */
export interface Unreachable {
  readonly kind: 'unreachable';
  /** `absent`: nobody serves the socket; `forbidden`: it is not ours; `broken`: what came back is no answer. */
  readonly why: 'absent' | 'forbidden' | 'broken';
  /** A sentence without its end, for people. */
  readonly detail: string;
}

type Input<Operation> = Omit<Operation, 'answer'>;

/** Asks a running gateway over its socket file. */
export class AdminClient {
  readonly #options: AdminClientOptions;

  constructor(options: AdminClientOptions) {
    this.#options = options;
  }

  /** Never rejects. */
  async call<Name extends keyof AdminOperations>(
    operation: Name,
    input: Input<AdminOperations[Name]>,
  ): Promise<Outcome<AdminOperations[Name]['answer']>> {
    const refusal = judgeSocket(this.#options.socket, this.#options.uid ?? process.geteuid?.());
    if (refusal !== undefined) return refusal;
    const route = ROUTES.find((one) => one.operation === operation);
    if (route === undefined) throw new Error(`there is no operation ${operation}`);
    const { id, query, body }: { id?: string; query?: object; body?: unknown } = input;
    const path = `${route.path.replace('{id}', id ?? '')}${queryText(query)}`;
    const reply = await this.#send(route.method, path, body);
    if ('kind' in reply) return reply;
    const json = jsonIn(reply.text);
    if (reply.status !== 200) {
      const problem = problemAnswer.safeParse(json);
      if (!problem.success) return broken(this.#options.socket);
      return { kind: 'problem', problem: problem.data };
    }
    const answer = route.answer.safeParse(json);
    if (!answer.success) return broken(this.#options.socket);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The schema of this operation has just been held to it.
    return { kind: 'answer', answer: answer.data as AdminOperations[Name]['answer'] };
  }

  #send(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ readonly status: number; readonly text: string } | Unreachable> {
    const { socket, author } = this.#options;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      host: 'localhost',
      'sallyport-author': author,
      ...(payload === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    };
    return new Promise((resolve) => {
      const options = { socketPath: socket, method, path, headers, agent: false, timeout: ANSWER_MS };
      const call = http.request(options, (response) => {
        readText(response).then(
          (text) => resolve({ status: response.statusCode ?? 0, text }),
          () => resolve(broken(socket)),
        );
      });
      call.on('timeout', () => call.destroy());
      call.on('error', (error) => resolve(unreachable(socket, error)));
      call.end(payload);
    });
  }
}

/** Longer than the gateway takes for its longest call. */
const ANSWER_MS = 40_000;

/** Largest answer that is read: a thousand decisions have half a megabyte. */
const ANSWER_BYTES_MAX = 4_194_304;

/**
 * A socket file that somebody else has put in the place of ours would tell us what its owner likes. Root may ask every
 * gateway.
 */
function judgeSocket(path: string, uid: number | undefined): Unreachable | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return absent(`${path} does not exist: the gateway does not run, or has another socket`);
  if (!stat.isSocket()) return { kind: 'unreachable', why: 'absent', detail: `${path} is not a socket file` };
  if (uid === 0 || stat.uid === 0 || stat.uid === uid) return undefined;
  const detail = `${path} belongs to another user (uid ${stat.uid}); ask as that user or as root`;
  return { kind: 'unreachable', why: 'forbidden', detail };
}

function unreachable(path: string, error: Error): Unreachable {
  const code = 'code' in error ? String(error.code) : 'unknown reason';
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return absent(`nobody answers at ${path}: the gateway does not run`);
    case 'EACCES':
    case 'EPERM':
      return { kind: 'unreachable', why: 'forbidden', detail: `${path} may not be opened by this user` };
    default:
      return { kind: 'unreachable', why: 'broken', detail: `the gateway at ${path} gave no answer (${code})` };
  }
}

function absent(detail: string): Unreachable {
  return { kind: 'unreachable', why: 'absent', detail };
}

function broken(path: string): Unreachable {
  const detail = `what answers at ${path} is no gateway of this version`;
  return { kind: 'unreachable', why: 'broken', detail };
}

function queryText(query: object | undefined): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return pairs.length === 0
    ? ''
    : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString()}`;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('not bytes');
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new RangeError('too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
