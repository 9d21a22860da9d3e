import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exchangesIn, type LiveGateway, startGateway } from './request/live-gateway.ts';
import { RawClient } from './request/raw-client.ts';
import { Recorder } from './request/recorder.ts';

/** What was found by attacking the running gateway; each test holds the input that found it. */
const recorder = new Recorder();
let gateway: LiveGateway;

beforeAll(async () => {
  gateway = await startGateway(await recorder.listen());
});

beforeEach(() => {
  recorder.take();
  gateway.events.length = 0;
});

afterAll(() => {
  gateway.close();
  recorder.close();
});

/** Turns of the event loop in which everything that is under way between sockets of this process has happened. */
const TURNS = 40;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const NEXT = head('GET /next HTTP/1.1', 'Host: a.example');

/** How many requests the HTTP parser made of what came while `act` ran. */
async function parsedRequests(act: () => Promise<void>): Promise<number> {
  let parsed = 0;
  const count = (): void => {
    parsed += 1;
  };
  subscribe('http.server.request.start', count);
  try {
    await act();
  } finally {
    unsubscribe('http.server.request.start', count);
  }
  return parsed;
}

describe('a connection after its last answer', () => {
  test('is read and thrown away, not parsed: a flood of requests costs neither memory nor time', async () => {
    const client = await RawClient.open(gateway.port);
    const parsed = await parsedRequests(async () => {
      client.send(head('POST /# HTTP/1.1', 'Host: a.example', 'Content-Length: 5'));
      await client.ended();
      client.send(`hello${NEXT.repeat(20_000)}`);
      await settle();
    });
    client.close();
    await settle();
    expect(parsed).toBe(1);
    expect(exchangesIn(gateway.events).map((event) => event.status)).toEqual([400]);
    expect(recorder.take().requests).toEqual([]);
  });
});
