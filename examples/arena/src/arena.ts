import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { Game } from './game.ts';
import { answer, loadAssets, problem } from './http.ts';
import { MESSAGE_BYTES_MAX } from './protocol.ts';
import type { Connection } from './room.ts';

/** Every value may be left out. A value out of range throws a RangeError that names it. */
export interface ArenaOptions {
  /** Address to listen on. Default 127.0.0.1. Not used with `socketPath`. */
  readonly host?: string;
  /** TCP port, 0 to 65535; 0 takes a free one. Default 0. Not used with `socketPath`. */
  readonly port?: number;
  /** Path of a Unix socket to listen on in place of TCP. A socket file that nobody listens on any more is replaced. */
  readonly socketPath?: string;
  /** Simulation steps and snapshots a second, integer, 1 to 60. Default 20. */
  readonly tickRateHz?: number;
  /** Players in all rooms together, integer, 1 to 10,000. Default 200. */
  readonly playersMax?: number;
  /** Players in one room, who all see each other, integer, 1 to 200. Default 50. */
  readonly roomPlayersMax?: number;
  /** How long a player whose connection was lost can come back, in milliseconds, integer, 0 to 600,000. Default 30,000. */
  readonly resumeMs?: number;
  /** Messages of one connection in a second, integer, 1 to 10,000. Default 200. Beyond it the connection closes with 4429. */
  readonly messagesPerSecondMax?: number;
  /** Seed of the places of coins and players, integer, 0 to 4,294,967,295. Default 1. */
  readonly seed?: number;
}

export type ArenaAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface Arena {
  /** Starts listening and the game loop. Rejects where the address is taken. Call once. */
  listen(): Promise<ArenaAddress>;
  /** Closes every WebSocket with 1012, then the listener. Resolves when all is closed. */
  close(): Promise<void>;
  /** Null before `listen` resolved and after `close`. */
  readonly address: ArenaAddress | null;
}

/** Sockets beyond the players who may have connected without having joined: room for a herd that comes back. */
const GUESTS_MAX = 256;
/** A connection that does not answer a ping until the next one is dead, in milliseconds. */
const HEARTBEAT_MS = 15_000;
/** How long clients have for the closing handshake when the server closes, in milliseconds. */
const CLOSE_GRACE_MS = 1000;
/** A process that stood still for longer than this many ticks goes on from now; it does not race to catch up. */
const TICKS_BEHIND_MAX = 5;

/** Prepares a server; nothing happens before `listen`. */
export function createArena(options: ArenaOptions = {}): Arena {
  const { host, port, socketPath, ...limits } = parseOptions(options);
  const game = new Game(limits);
  const assets = loadAssets();
  const startedMs = performance.now();
  const uptimeSeconds = (): number => Math.floor((performance.now() - startedMs) / 1000);
  const server = createServer((request, response) => {
    answer(request, response, { game, assets, uptimeSeconds }).catch(() => {
      if (response.headersSent) response.destroy();
      else problem(response, 500, 'The arena failed.');
    });
  });
  const sockets = attachSockets(server, game, limits.playersMax + GUESTS_MAX);
  let address: ArenaAddress | null = null;
  let stopLoop: (() => void) | null = null;
  return {
    get address() {
      return address;
    },
    async listen() {
      if (socketPath !== null) {
        await removeDeadSocket(socketPath);
        server.listen(socketPath);
      } else {
        server.listen(port, host);
      }
      await once(server, 'listening');
      address = addressOf(server, host);
      stopLoop = startLoop(game, 1000 / limits.tickRateHz);
      return address;
    },
    async close() {
      if (!server.listening) return;
      stopLoop?.();
      address = null;
      const closed = once(server, 'close');
      server.close();
      // From here on an upgrade that is still on its way is refused; those before it are closed below.
      sockets.close();
      game.shutDown();
      await closeSockets(sockets);
      server.closeAllConnections();
      await closed;
    },
  };
}

function parseOptions(options: ArenaOptions): Required<Omit<ArenaOptions, 'socketPath'>> & {
  readonly socketPath: string | null;
} {
  return {
    host: options.host ?? '127.0.0.1',
    port: integer('port', options.port ?? 0, { least: 0, most: 65_535 }),
    socketPath: options.socketPath ?? null,
    tickRateHz: integer('tickRateHz', options.tickRateHz ?? 20, { least: 1, most: 60 }),
    playersMax: integer('playersMax', options.playersMax ?? 200, { least: 1, most: 10_000 }),
    roomPlayersMax: integer('roomPlayersMax', options.roomPlayersMax ?? 50, { least: 1, most: 200 }),
    resumeMs: integer('resumeMs', options.resumeMs ?? 30_000, { least: 0, most: 600_000 }),
    messagesPerSecondMax: integer('messagesPerSecondMax', options.messagesPerSecondMax ?? 200, {
      least: 1,
      most: 10_000,
    }),
    seed: integer('seed', options.seed ?? 1, { least: 0, most: 0xff_ff_ff_ff }),
  };
}

function integer(name: string, value: number, range: { readonly least: number; readonly most: number }): number {
  if (Number.isSafeInteger(value) && value >= range.least && value <= range.most) return value;
  throw new RangeError(`${name} ${value} is not an integer from ${range.least} to ${range.most}`);
}

function attachSockets(server: Server, game: Game, socketsMax: number): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES_MAX, perMessageDeflate: false });
  // Bytes that are not HTTP, and a peer that goes away in the middle of them, end their own connection only.
  server.on('clientError', (_error, socket) => refuseUpgrade(socket, '400 Bad Request'));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    if (URL.parse(request.url ?? '/', 'http://arena.invalid')?.pathname !== '/ws') {
      refuseUpgrade(socket, '404 Not Found');
    } else if (sockets.clients.size >= socketsMax) {
      refuseUpgrade(socket, '503 Service Unavailable');
    } else {
      sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, game));
    }
  });
  return sockets;
}

function refuseUpgrade(socket: Duplex, status: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

function serve(webSocket: WebSocket, game: Game): void {
  const connection: Connection = {
    send: (text) => {
      if (webSocket.readyState === webSocket.OPEN) webSocket.send(text);
    },
    close: (code, reason) => webSocket.close(code, reason),
    bufferedBytes: () => webSocket.bufferedAmount,
  };
  let isAlive = true;
  const heartbeat = setInterval(() => {
    if (!isAlive) {
      webSocket.terminate();
      return;
    }
    isAlive = false;
    webSocket.ping();
  }, HEARTBEAT_MS);
  webSocket.on('pong', () => {
    isAlive = true;
  });
  webSocket.on('message', (data: RawData, isBinary: boolean) => {
    if (isBinary) game.receiveBinary(connection);
    else game.receive(connection, textOf(data), performance.now());
  });
  // What a peer can cause here (a frame too large, invalid UTF-8, a reset) makes `ws` close with its code; without a
  // listener it would end the process.
  webSocket.on('error', () => undefined);
  webSocket.on('close', () => {
    clearInterval(heartbeat);
    game.closed(connection, performance.now());
  });
  game.open(connection, performance.now());
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}

/** Ticks at a fixed rate; a late tick does not delay those after it. Returns what stops the loop. */
function startLoop(game: Game, intervalMs: number): () => void {
  let dueMs = performance.now() + intervalMs;
  let timer: NodeJS.Timeout;
  const run = (): void => {
    const nowMs = performance.now();
    game.tick(nowMs);
    dueMs += intervalMs;
    if (nowMs - dueMs > TICKS_BEHIND_MAX * intervalMs) dueMs = nowMs + intervalMs;
    timer = setTimeout(run, Math.max(0, dueMs - performance.now()));
  };
  timer = setTimeout(run, intervalMs);
  return () => clearTimeout(timer);
}

async function closeSockets(sockets: WebSocketServer): Promise<void> {
  const open = [...sockets.clients];
  const grace = setTimeout(() => {
    for (const webSocket of open) webSocket.terminate();
  }, CLOSE_GRACE_MS);
  await Promise.all(
    open.map(async (webSocket) => {
      if (webSocket.readyState !== webSocket.CLOSED) await once(webSocket, 'close');
    }),
  );
  clearTimeout(grace);
}

function addressOf(server: Server, host: string): ArenaAddress {
  const bound = server.address();
  if (typeof bound === 'string') return { kind: 'unix', path: bound };
  return { kind: 'tcp', host: bound?.address ?? host, port: bound?.port ?? 0 };
}

/** A process that was killed leaves its socket file behind. One that still listens is left alone, and `listen` rejects. */
async function removeDeadSocket(path: string): Promise<void> {
  const probe = connect(path);
  const isDead = await new Promise<boolean>((resolve) => {
    probe.on('connect', () => resolve(false));
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  probe.destroy();
  if (isDead) await rm(path, { force: true });
}
