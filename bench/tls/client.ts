/** A TLS client in a process of its own. It waits for the server's tickets and ends its connections properly. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { answerLines } from '../harness/line-process.ts';

export type TlsWish =
  /** So many full handshakes, so many at once. */
  | { readonly kind: 'loop'; readonly port: number; readonly handshakes: number; readonly together: number }
  /** So many full handshakes, evenly spread, whether those before have ended or not. */
  | { readonly kind: 'rate'; readonly port: number; readonly handshakes: number; readonly perSecond: number }
  /** So many connections, each with the newest ticket of the one before. */
  | { readonly kind: 'resume'; readonly port: number; readonly handshakes: number };

export interface TlsDone {
  readonly durationUs: number;
  /** From the moment in which each handshake was due to its end. */
  readonly latenciesMs: readonly number[];
  /** Connections that resumed a session. */
  readonly resumed: number;
}

const tickets = new WeakMap<TLSSocket, Buffer>();

await answerLines(async (line): Promise<TlsDone> => {
  const wish: TlsWish = JSON.parse(line);
  const startMs = performance.now();
  const { latenciesMs = [], resumed = 0 } = await play(wish);
  return { durationUs: (performance.now() - startMs) * 1_000, latenciesMs, resumed };
});

async function play(wish: TlsWish): Promise<Partial<TlsDone>> {
  switch (wish.kind) {
    case 'loop':
      return { latenciesMs: await loop(wish) };
    case 'rate':
      return { latenciesMs: await atRate(wish) };
    case 'resume':
      return { resumed: await resume(wish) };
  }
}

async function loop({ port, handshakes, together }: Extract<TlsWish, { kind: 'loop' }>): Promise<readonly number[]> {
  const latenciesMs: number[] = [];
  let left = handshakes;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const dueMs = performance.now();
      const socket = await secured({ port });
      latenciesMs.push(performance.now() - dueMs);
      await leave(socket);
    }
  };
  await Promise.all(Array.from({ length: together }, one));
  return latenciesMs;
}

async function atRate({ port, perSecond, handshakes }: Extract<TlsWish, { kind: 'rate' }>): Promise<readonly number[]> {
  const startMs = performance.now();
  const one = async (index: number): Promise<number> => {
    const dueMs = startMs + (index * 1_000) / perSecond;
    await sleep(Math.max(0, dueMs - performance.now()));
    const socket = await secured({ port });
    const latencyMs = performance.now() - dueMs;
    await leave(socket);
    return latencyMs;
  };
  return Promise.all(Array.from({ length: handshakes }, (_, index) => one(index)));
}

async function resume({ port, handshakes }: Extract<TlsWish, { kind: 'resume' }>): Promise<number> {
  let session: Buffer | undefined;
  let resumed = 0;
  for (let index = 0; index <= handshakes; index += 1) {
    const socket = await secured({ port, ...(session === undefined ? {} : { session }) });
    if (index > 0 && socket.isSessionReused()) resumed += 1;
    await leave(socket);
    // Not every server gives a new ticket to who resumes.
    session = tickets.get(socket) ?? session;
  }
  return resumed;
}

/** A connection after its handshake. */
async function secured(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({
    ...options,
    host: '127.0.0.1',
    servername: 'app.example.com',
    // What both servers can: newer groups cost more, and nginx would ask for another one first.
    ecdhCurve: 'X25519',
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
  });
  socket.on('session', (session) => tickets.set(socket, session));
  await once(socket, 'secureConnect');
  socket.on('error', () => socket.destroy());
  return socket;
}

/** Ends a connection once the first ticket of a new session has come: before, it would look as if the handshake failed. */
async function leave(socket: TLSSocket): Promise<void> {
  if (!socket.isSessionReused() && !tickets.has(socket))
    await Promise.race([once(socket, 'session'), once(socket, 'close')]);
  socket.end();
  socket.resume();
}
