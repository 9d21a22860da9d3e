import { createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { ProbeResult } from '../../src/health/probe.ts';
import { makeProbe } from '../../src/health/probes/make-probe.ts';
import type { ServiceTarget } from '../../src/health/service.ts';

export const NO_TLS = { ca: undefined, serverName: undefined };

/** A server of a test, which ends with it. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A server that says this to everybody, or does this with everybody. */
export function say(what: string | Uint8Array | ((socket: Socket) => void)): Promise<number> {
  const speak =
    typeof what === 'function'
      ? what
      : (socket: Socket): void => {
          socket.on('data', () => undefined).write(what);
        };
  return listen(createServer(speak));
}

/** What one check says, as `CODE detail`; `well` for a service that is well. */
export async function verdictOf(target: ServiceTarget, ms = 5_000): Promise<string> {
  const { failure } = await check(target, ms);
  return failure === undefined ? 'well' : `${failure.code} ${failure.detail}`.trim();
}

export function check(target: ServiceTarget, ms = 5_000): Promise<ProbeResult> {
  return makeProbe(target).check(AbortSignal.timeout(ms));
}

export function addressOf(port: number): { readonly kind: 'tcp'; readonly host: string; readonly port: number } {
  return { kind: 'tcp', host: '127.0.0.1', port };
}

export function httpTarget(port: number, more: Partial<Extract<ServiceTarget, { kind: 'http' }>> = {}): ServiceTarget {
  const statuses = [{ from: 200, to: 299 }];
  const url = `http://127.0.0.1:${port}/health`;
  return { kind: 'http', url, method: 'GET', statuses, text: undefined, headers: [], tls: NO_TLS, ...more };
}

export function redisTarget(port: number, password?: string): ServiceTarget {
  return { kind: 'redis', address: addressOf(port), user: undefined, password, tls: undefined };
}

export function postgresTarget(port: number, password?: string): ServiceTarget {
  return { kind: 'postgres', address: addressOf(port), user: 'health', database: 'game', password, tls: undefined };
}

export function webSocketTarget(port: number, hasPing = true): ServiceTarget {
  const url = `ws://127.0.0.1:${port}/play?room=1`;
  return { kind: 'websocket', url, protocol: undefined, headers: [['x-game', 'arena']], hasPing, tls: NO_TLS };
}

export function dnsTarget(port: number, more: Partial<Extract<ServiceTarget, { kind: 'dns' }>> = {}): ServiceTarget {
  return { kind: 'dns', host: 'game.test', type: 'A', server: `127.0.0.1:${port}`, expected: [], ...more };
}
