/**
 * A client in a process of its own: sends exactly so many requests over so many connections that stay open, each
 * connection its next one when the answer to the last has come. Exact counts let a server's processor time be divided by
 * them even where a request takes it a tenth of a second.
 */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { answerLines } from '../harness/line-process.ts';
import { TRAFFIC, type TrafficKind, wireBytes } from './traffic.ts';

export interface Job {
  readonly port: number;
  readonly kind: TrafficKind;
  readonly requests: number;
  readonly connections: number;
}

export interface Done {
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly durationUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Longest time one answer may take, in milliseconds: a server that says nothing ends the benchmark. */
const ANSWER_MS_MAX = 60_000;

/** Longest head of an answer, in bytes: these servers send a few hundred. */
const HEAD_BYTES_MAX = 16_384;

const wires = new Map(
  TRAFFIC.map((traffic) => [
    traffic.kind,
    Array.from({ length: traffic.variants }, (_, index) => wireBytes(traffic.request(index))),
  ]),
);

async function play({ port, kind, requests, connections }: Job): Promise<Done> {
  const messages = wires.get(kind) ?? [];
  const statuses: Record<number, number> = {};
  const latenciesMs: number[] = [];
  let sent = 0;
  const startMs = performance.now();
  const one = async (): Promise<void> => {
    let connection: Connection | undefined;
    while (sent < requests) {
      const message = messages[sent % messages.length] ?? Buffer.alloc(0);
      sent += 1;
      if (connection === undefined || connection.isClosed) connection = await Connection.open(port);
      const sentMs = performance.now();
      const status = await connection.exchange(message);
      latenciesMs.push(performance.now() - sentMs);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: connections }, one));
  const durationUs = (performance.now() - startMs) * 1_000;
  const sorted = latenciesMs.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.trunc(sorted.length * share))] ?? 0;
  return { statuses, durationUs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** Reads just enough of HTTP/1.1 for answers with a Content-Length. */
class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #settle: { resolve(status: number): void; reject(cause: Error): void } | undefined;
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (cause) => this.#settle?.reject(cause));
    socket.on('close', () => {
      this.isClosed = true;
      this.#settle?.reject(new Error('the server closed a connection on which it owed an answer'));
    });
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer in ${ANSWER_MS_MAX} ms`)));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** The status of the answer, once all of it has come. */
  exchange(message: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(message);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0 && this.#received.length <= HEAD_BYTES_MAX) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    if (status === undefined || length === undefined) {
      this.#settle?.reject(new Error(`not an answer with a length: ${head}`));
      return;
    }
    if (this.#received.length < headEnd + HEAD_END_BYTES + Number(length)) return;
    this.#received = Buffer.alloc(0);
    if (/\r\nconnection: *close/i.test(head)) {
      this.isClosed = true;
      this.#socket.destroy();
    }
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(Number(status));
  }
}

const HEAD_END_BYTES = 4;

await answerLines((line) => {
  const job: Job = JSON.parse(line);
  return play(job);
});
