import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, type LogFields, ManualClock, MetricsRegistry } from '@sallyport/kernel';
import { afterEach, expect } from 'vitest';
import type { z } from 'zod';
import { linkAnswer, problemAnswer, sessionAnswer } from '../../src/admin/schemas.ts';
import { PATIENCE, type ServerPatience } from '../../src/admin/server-limits.ts';
import type { LinkAnswer, SessionAnswer } from '../../src/contract.ts';
import { type AdminConfig, type AdminServer, createAdminServer } from '../../src/index.ts';
import { GOOD } from './configs.ts';
import { MemoryPlane } from './memory-plane.ts';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined when the body is not JSON. */
  readonly json: unknown;
}

export interface CallOptions {
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
}

export type MakeCall = (method: string, path: string, options?: CallOptions) => Promise<Reply>;

/** The admin API on a socket file and a port, over a control plane in memory. */
export interface AdminRig {
  readonly plane: MemoryPlane;
  readonly clock: ManualClock;
  readonly port: number;
  readonly socket: string;
  readonly server: AdminServer;
  readonly lines: readonly LogLine[];
  readonly metrics: MetricsRegistry;
  /** Over the port. */
  readonly call: MakeCall;
  /** Over the socket. */
  readonly callSocket: MakeCall;
  /** The token of a new link. */
  link(name?: string): Promise<string>;
  /** Header fields of a new bearer session. */
  signIn(name?: string): Promise<Readonly<Record<string, string>>>;
  /** Everything that came back on a connection to the port, until it ended. */
  exchange(...parts: readonly string[]): Promise<string>;
}

export interface LogLine extends LogFields {
  readonly level: string;
  readonly message: string;
}

/** Calls and answers of every rig, for the test that compares them with the document. */
export const SEEN: { readonly method: string; readonly path: string; readonly reply: Reply }[] = [];

const ends: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

export async function startAdmin(
  patience: Partial<ServerPatience> = {},
  config: Partial<AdminConfig> = {},
): Promise<AdminRig> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-admin-'));
  const socket = join(folder, 'admin.sock');
  const plane = new MemoryPlane(GOOD);
  const clock = new ManualClock();
  const metrics = new MetricsRegistry();
  const lines: LogLine[] = [];
  const server = createAdminServer({
    config: {
      socket,
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      sessionIdleMs: 1_800_000,
      sessionLifeMs: 43_200_000,
      ...config,
    },
    plane,
    clock,
    log: recorder(lines),
    metrics,
    patience: { ...PATIENCE, ...patience },
  });
  ends.push(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  const { address } = await server.listen();
  const port = address?.port ?? 0;
  const callSocket: AdminRig['callSocket'] = (method, path, options) =>
    send({ socketPath: socket }, method, path, { ...options, headers: { host: 'localhost', ...options?.headers } });
  const call: AdminRig['call'] = (method, path, options) =>
    send({ host: '127.0.0.1', port }, method, path, options ?? {});
  const link: AdminRig['link'] = async (name) => {
    const reply = await callSocket('POST', '/api/v1/links', { body: name === undefined ? {} : { name } });
    return linkOf(reply).url.split('#token=')[1] ?? '';
  };
  const signIn: AdminRig['signIn'] = async (name) => {
    const reply = await call('POST', '/api/v1/session', { body: { token: await link(name), as: 'bearer' } });
    return { authorization: `Bearer ${sessionOf(reply).bearer ?? ''}` };
  };
  const exchange: AdminRig['exchange'] = (...parts) => exchangeOn(connect(port, '127.0.0.1'), parts);
  return { plane, clock, port, socket, server, lines, metrics, call, callSocket, link, signIn, exchange };
}

/** Expects a problem, in the form that the document gives it. */
export function isProblem(reply: Reply, status: number, code: string): void {
  expect(reply).toMatchObject({ status, json: { type: 'about:blank', status, code } });
  expect(problemAnswer.safeParse(reply.json).error?.issues).toBeUndefined();
  expect(reply.headers['content-type']).toBe('application/problem+json');
}

/** The body of an answer, held to its schema. */
export function bodyOf<T>(schema: z.ZodType<T>, reply: Reply): T {
  expect(reply.status, reply.text).toBe(200);
  return schema.parse(reply.json);
}

export function linkOf(reply: Reply): LinkAnswer {
  return bodyOf(linkAnswer, reply);
}

export function sessionOf(reply: Reply): SessionAnswer {
  return bodyOf(sessionAnswer, reply);
}

function send(
  where: { readonly host?: string; readonly port?: number; readonly socketPath?: string },
  method: string,
  path: string,
  { headers, body, raw }: CallOptions,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const payload = body === undefined ? raw : JSON.stringify(body);
    const call = request(
      {
        ...where,
        method,
        path,
        agent: false,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const reply = { status: response.statusCode ?? 0, headers: response.headers, text, json: jsonIn(text) };
          SEEN.push({ method, path, reply });
          resolve(reply);
        });
      },
    );
    call.on('error', reject);
    call.end(payload);
  });
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Writes the parts one after the other, in a turn of the event loop each. */
function exchangeOn(socket: Socket, parts: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const rest = [...parts];
    const next = (): void => {
      const part = rest.shift();
      if (part === undefined || socket.destroyed) return;
      socket.write(part, 'latin1', () => setImmediate(next));
    };
    socket.on('connect', next);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

function recorder(lines: LogLine[]): Log {
  const at =
    (level: string) =>
    (message: string, fields: LogFields = {}): void =>
      void lines.push({ ...fields, level, message });
  return { info: at('info'), warn: at('warn'), error: at('error') };
}
