import { strict as assert } from 'node:assert';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import type { WebSocket } from 'ws';
import { GatewayProcess, type LogLine, SALLYPORT } from './gateway.ts';
import { type Finished, run } from './program.ts';
import { eventually, type Scope } from './scope.ts';
import { startUpstream } from './upstream.ts';
import { openWebSocket } from './websocket-client.ts';

/** Sockets stay open for as long as a test runs, whoever drains. */
const DRAIN = 'drain: { deadline: 1h, webSocketSpread: 1h }';

/** The listener of a town in its configuration. */
const LISTENER_ITEM = '  - { name: public, address: "127.0.0.1:0" }';
export const LISTENER: string = `listeners:\n${LISTENER_ITEM}`;

/** With what a town begins. `activation`: listening sockets, of which this process lets go. */
export interface Found {
  readonly admin?: string;
  readonly activation?: ReadonlyMap<string, Server>;
  /** Gets the number of each process, for a scope that ends what began last first: see {@link killAll}. */
  readonly pids?: number[];
}

const NONE: ReadonlyMap<string, Server> = new Map();

/** A gateway with an upstream, its successors, and their players. */
export class Town {
  readonly gateway: GatewayProcess;
  /** The oldest first. */
  readonly pids: number[];
  readonly #scope: Scope;

  private constructor(scope: Scope, gateway: GatewayProcess, pids: number[]) {
    this.#scope = scope;
    this.gateway = gateway;
    this.pids = pids;
    pids.push(gateway.pid);
  }

  static async start(
    scope: Scope,
    more = '',
    { admin = '{ socket: ./admin.sock }', activation = NONE, pids = [] }: Found = {},
  ): Promise<Town> {
    // First of all: successors hold the output of the first one, whose end is seen when that closes.
    scope.after(() => killAll(pids));
    const upstream = await startUpstream(scope, {});
    const yaml = `version: 1
mode: development
${LISTENER}
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game }]
admin: ${admin}
workers: { count: 2 }
${DRAIN}
${more}
`;
    const numbers = new Map([...activation].map(([name, server]) => [name, numberOf(server)] as const));
    const started = GatewayProcess.start(scope, { yaml, activation: numbers });
    // It has them, and nobody is to be accepted here.
    for (const server of activation.values()) server.close();
    return new Town(scope, await started, pids);
  }

  player(localAddress: string): Promise<WebSocket> {
    return openWebSocket(this.gateway.webSocketUrl('/'), { localAddress });
  }

  /** `sallyport ...`, of whoever answers at the socket. */
  ask(...args: readonly string[]): Promise<Finished> {
    const where = ['--socket', join(this.gateway.directory, 'admin.sock')];
    return run(this.#scope, { command: process.execPath, arguments: [SALLYPORT, ...args, ...where] });
  }

  /** Changes the configuration file. */
  edit(change: (yaml: string) => string): void {
    const file = join(this.gateway.directory, 'sallyport.yaml');
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  }

  /** The youngest hands over; resolves when it follows its successor. */
  async handOver(): Promise<void> {
    const pid = this.pids.at(-1) ?? 0;
    const count = this.pids.length;
    process.kill(pid, 'SIGUSR2');
    const successor = await eventually('another process', () => this.#logged({ what: 'taken-over' })[count - 1]);
    this.pids.push(Number(/process ([0-9]+)/.exec(String(successor['detail']))?.[1]));
    await eventually('that it follows', () => this.#logged({ msg: FOLLOWS })[count - 1]);
  }

  /** Tells the one with this place to end at once. */
  async end(place: number): Promise<void> {
    try {
      process.kill(this.pids[place] ?? 0, 'SIGTERM');
    } catch {
      // It had nothing left, and has ended by itself.
    }
    await eventually('its end', () => (this.isRunning(place) ? undefined : true));
  }

  kill(place: number): void {
    process.kill(this.pids[place] ?? 0, 'SIGKILL');
  }

  isRunning(place: number): boolean {
    return isAlive(this.pids[place] ?? 0);
  }

  #logged(fields: LogLine): readonly LogLine[] {
    return this.gateway.log().filter((line) => Object.entries(fields).every(([name, value]) => line[name] === value));
  }
}

/** Ends those processes at once, whichever are left. */
export function killAll(pids: readonly number[]): void {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

/** The descriptor of a listening socket. There is no public name for it. */
function numberOf(server: Server): number {
  const handle: unknown = Reflect.get(server, '_handle');
  const number: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  assert.equal(typeof number, 'number');
  return Number(number);
}

/** One that has ended and is not yet waited for has no command line. */
function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
}

const FOLLOWS = 'the process before this one finishes what it has, and follows';
