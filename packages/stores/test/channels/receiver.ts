import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Notification } from '@sallyport/kernel';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver of POSTs on this machine that answers as it is told. */
export class Receiver {
  readonly received: Received[] = [];
  answer: (response: ServerResponse) => void = (response) => void response.writeHead(204).end();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('error', () => undefined);
      request.on('end', () => {
        const { method = '', url = '', headers } = request;
        this.received.push({ method, path: url, headers, body: Buffer.concat(chunks).toString('utf8') });
        this.answer(response);
      });
    });
  }

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It listens on a port.
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export const TIME_MS = 1_700_000_000_000;

/** A service that is down, in words that would act where they are not neutralised. */
export function notificationOf(more: Partial<Notification> = {}): Notification {
  const down = {
    kind: 'service-down',
    subject: 'game <!channel> @everyone',
    status: 'firing',
    severity: 'critical',
    summary: 'game *does* not answer: [look](https://evil.example) & wait',
    facts: { server: '10.0.0.1:3000', 'for a': 'while <@1234>' },
    timeMs: TIME_MS,
    sinceMs: TIME_MS - 60_000,
    isFlapping: false,
  } as const;
  const up = {
    ...down,
    subject: 'chat',
    status: 'resolved',
    summary: 'chat answers again',
    facts: {},
    isFlapping: true,
  } as const;
  return {
    id: 'ntf_0123456789abcdef',
    channel: 'ops',
    node: 'gate-1',
    occasion: 'change',
    items: [down, up],
    omitted: 0,
    missed: 0,
    timeMs: TIME_MS,
    ...more,
  };
}
