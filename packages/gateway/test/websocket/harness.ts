import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Clock, GatewayError, HeaderList, ManualClock, PROFILES, type WebSocketLimits } from '@sallyport/kernel';
import { checkHandshake, offerUpstream, switchingProtocols, verifyAnswer } from '../../src/websocket/handshake.ts';
import { RelayRegistry, type Slot } from '../../src/websocket/registry.ts';
import type { Relay, RelayFacts } from '../../src/websocket/relay.ts';

/** The limits of the `alerts` profile, with what a test changes. */
export function limitsWith(changes: Partial<WebSocketLimits> = {}): WebSocketLimits {
  return { ...PROFILES.alerts.webSocket, ...changes };
}

export interface GatewayOptions {
  readonly upstreamPort: number;
  readonly limits?: WebSocketLimits;
  readonly clock?: Clock;
}

/**
 * The smallest gateway around the relay: real sockets on both sides, handshakes by the product's own functions, and
 * `node:http` as the client towards the upstream. It has no timers: a test calls `registry.sweep`.
 */
export class TinyGateway {
  readonly registry: RelayRegistry;
  readonly relays: Relay[] = [];
  readonly facts: RelayFacts[] = [];
  readonly messages = { in: 0, out: 0 };
  readonly refusals: { readonly direction: 'in' | 'out'; readonly opcode: number; readonly why: string }[] = [];
  readonly #options: GatewayOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();
  readonly #waiters: (() => void)[] = [];

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.registry = new RelayRegistry({ clock: options.clock ?? new ManualClock(), random: () => 0.5 });
    this.#server = createServer((_, response) => response.writeHead(404).end());
    this.#server.on('upgrade', (message, socket, head) => this.#onUpgrade(message, socket, head));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return portOf(this.#server);
  }

  /** Resolves when `count` relays have closed. */
  async closed(count: number): Promise<readonly RelayFacts[]> {
    while (this.facts.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.facts;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #onUpgrade(message: IncomingMessage, client: Duplex, head: Buffer): void {
    this.#sockets.add(client);
    client.on('error', () => client.destroy());
    const handshake = checkHandshake({
      method: message.method ?? '',
      httpVersion: message.httpVersion,
      headers: headerList(message.rawHeaders),
      framing: { kind: 'none' },
    });
    if (handshake.kind === 'deny') {
      const extra = Object.entries(handshake.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
      client.end(`HTTP/1.1 ${handshake.status} x\r\n${extra.join('')}content-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    const slot = this.registry.reserve('arena', '127.0.0.1', this.#limits.perClientMax);
    if (slot === undefined) {
      client.end('HTTP/1.1 429 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    const offer = offerUpstream(handshake);
    const headers: string[] = ['host', 'upstream', 'connection', 'Upgrade', 'upgrade', 'websocket', ...offer.headers];
    const call = request({ port: this.#options.upstreamPort, host: '127.0.0.1', headers, agent: false });
    call.on('error', () => refuse(client, slot));
    call.on('response', (response) => {
      response.resume();
      refuse(client, slot);
    });
    call.on('upgrade', (response, upstream, upstreamHead) => {
      this.#sockets.add(upstream);
      const answer = verifyAnswer(offer, {
        status: response.statusCode ?? 0,
        statusText: '',
        headers: headerList(response.rawHeaders),
        framing: { kind: 'none' },
      });
      if (answer instanceof GatewayError) {
        upstream.destroy();
        refuse(client, slot);
        return;
      }
      client.write(switchingProtocols(handshake, answer, []));
      this.#relay(slot, { client, head, upstream, upstreamHead });
    });
    call.end();
  }

  #relay(slot: Slot, legs: { client: Duplex; head: Buffer; upstream: Duplex; upstreamHead: Buffer }): void {
    if (legs.upstream instanceof Socket) legs.upstream.setNoDelay(true);
    this.relays.push(
      this.registry.open(slot, {
        client: legs.client,
        clientFirstBytes: legs.head,
        upstream: legs.upstream,
        upstreamFirstBytes: legs.upstreamHead,
        limits: this.#limits,
        observer: {
          onMessage: (direction) => (this.messages[direction] += 1),
          onRefusal: (direction, { opcode }, { code }) => void this.refusals.push({ direction, opcode, why: code }),
        },
        onClose: (facts) => {
          this.facts.push(facts);
          for (const wake of this.#waiters.splice(0)) wake();
        },
      }),
    );
  }

  get #limits(): WebSocketLimits {
    return this.#options.limits ?? limitsWith();
  }
}

export function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  return address.port;
}

/** Fields as a parser gives them: flat, in order. */
export function headerList(raw: readonly string[]): HeaderList {
  const names = raw.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  return new HeaderList(
    names,
    raw.filter((_, index) => index % 2 === 1),
  );
}

function refuse(client: Duplex, slot: Slot): void {
  slot.release();
  client.end('HTTP/1.1 502 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
}
