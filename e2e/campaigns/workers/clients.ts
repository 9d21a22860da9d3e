import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { openWebSocket } from '../../harness/websocket-client.ts';

/** What became of one request or message. Times are of `performance.now`. */
export type Outcome =
  | { readonly kind: 'good' }
  /** Its connection ended. `lastGoodMs`: when that was opened, or last carried an answer. */
  | { readonly kind: 'lost'; readonly what: string; readonly lastGoodMs: number; readonly failedMs: number }
  /** It was refused, or answered with something else, or never. */
  | { readonly kind: 'bad'; readonly what: string };

/** Somebody who asks one thing after the other. */
export interface Client {
  once(): Promise<Outcome>;
  close(): void;
}

/** A connection for each request. */
export class FreshClient implements Client {
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  once(): Promise<Outcome> {
    return ask(this.#port, { agent: new Agent({ keepAlive: false }), lastGood: new WeakMap() });
  }

  close(): void {
    return;
  }
}

/** One connection for all requests, and another one when that is gone. */
export class KeepAliveClient implements Client {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #lastGood = new WeakMap<Socket, number>();

  constructor(port: number) {
    this.#port = port;
  }

  once(): Promise<Outcome> {
    return ask(this.#port, { agent: this.#agent, lastGood: this.#lastGood });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function ask(port: number, on: { agent: Agent; lastGood: WeakMap<Socket, number> }): Promise<Outcome> {
  return new Promise((resolve) => {
    const beganMs = performance.now();
    let socket: Socket | undefined;
    const asked = request({ port, host: '127.0.0.1', path: '/', agent: on.agent, timeout: SILENCE_MS_MAX });
    const lost = (cause: Error): void => {
      if (isOurs(cause)) return resolve({ kind: 'bad', what: describe(cause) });
      const lastGoodMs = (socket === undefined ? undefined : on.lastGood.get(socket)) ?? beganMs;
      resolve({ kind: 'lost', what: describe(cause), lastGoodMs, failedMs: performance.now() });
    };
    asked.once('socket', (given) => {
      socket = given;
    });
    asked.once('timeout', () => asked.destroy(new Error(SILENT)));
    asked.on('error', lost);
    asked.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.once('error', lost);
      response.once('end', () => {
        if (socket !== undefined) on.lastGood.set(socket, performance.now());
        const isGood = response.statusCode === 200 && body === 'ok';
        resolve(isGood ? { kind: 'good' } : { kind: 'bad', what: `answered with ${response.statusCode} ${body}` });
      });
    });
    asked.end();
  });
}

/** One WebSocket that sends messages and wants them back, and another one when that is gone. */
export class SocketClient implements Client {
  readonly #url: string;
  #socket: WebSocket | undefined;
  #lastGoodMs = 0;
  #sent = 0;

  constructor(port: number) {
    this.#url = `ws://127.0.0.1:${port}/`;
  }

  async once(): Promise<Outcome> {
    try {
      if (this.#socket === undefined) {
        this.#lastGoodMs = performance.now();
        this.#socket = await openWebSocket(this.#url);
      } else await this.#echo(this.#socket);
      this.#lastGoodMs = performance.now();
      return { kind: 'good' };
    } catch (cause) {
      this.#socket?.terminate();
      this.#socket = undefined;
      const what = describe(cause);
      const isBad = isOurs(cause) || what.includes('refused with') || what.includes('did not come within');
      if (isBad) return { kind: 'bad', what };
      return { kind: 'lost', what, lastGoodMs: this.#lastGoodMs, failedMs: performance.now() };
    }
  }

  close(): void {
    this.#socket?.close();
  }

  #echo(socket: WebSocket): Promise<void> {
    this.#sent += 1;
    const sent = `message ${this.#sent}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(new Error(SILENT)), SILENCE_MS_MAX);
      const onMessage = (data: unknown): void => {
        const text = Buffer.isBuffer(data) ? data.toString('utf8') : '';
        settle(text === sent ? undefined : new Error(`${WRONG}: ${text} for ${sent}`));
      };
      const onClose = (code: number): void => settle(new Error(`closed with ${code}`));
      const settle = (failure: Error | undefined): void => {
        clearTimeout(timer);
        socket.off('message', onMessage).off('close', onClose);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      socket.once('message', onMessage).once('close', onClose);
      if (socket.readyState === socket.OPEN) socket.send(sent);
      else settle(new Error('closed before it was used'));
    });
  }
}

/** Whoever hears nothing for so long will never. */
const SILENCE_MS_MAX = 25_000;
const SILENT = 'no answer came';
const WRONG = 'another message came back';

/** What the end of a worker does not explain. */
function isOurs(cause: unknown): boolean {
  const what = describe(cause);
  return [SILENT, WRONG, 'ECONNREFUSED', 'EADDRNOTAVAIL'].some((sign) => what.includes(sign));
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${Reflect.get(cause, 'code') ?? ''} ${cause.message}`.trim() : String(cause);
}
