import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Socket } from 'node:net';
import { type ExchangeEvent, WAF_OFF } from '@sallyport/kernel';
import { compileWaf, packImage } from '@sallyport/waf';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RuleSets } from '../../src/inspection/stage.ts';
import { route } from '../harness/config.ts';
import { exchangesIn, type LiveGateway, startGateway } from '../request/live-gateway.ts';
import { RawClient } from '../request/raw-client.ts';
import { Recorder } from '../request/recorder.ts';

const RULE_SET = 'f'.repeat(64);
const RULES = `SecRuleEngine On
SecRequestBodyAccess On
SecRule ARGS "@contains attack" "id:1,phase:2,deny,status:403,t:none"`;

function ruleSets(): RuleSets {
  const compiled = compileWaf({ rules: [{ name: 'test.conf', text: RULES }] });
  if (compiled.kind === 'invalid') throw new Error(compiled.diagnostics.map(({ message }) => message).join());
  const madeOf = { sources: RULE_SET, files: [], warnings: [] };
  return new Map([[RULE_SET, { image: packImage(compiled.image), madeOf }]]);
}

const recorder = new Recorder();
let upstreamPort: number;
let gateway: LiveGateway;

beforeAll(async () => {
  const waf = { ...WAF_OFF, mode: 'block', ruleSet: RULE_SET } as const;
  const change = { routes: [route({ waf })] };
  upstreamPort = await recorder.listen();
  gateway = await startGateway(upstreamPort, change, undefined, ruleSets());
});

beforeEach(() => {
  recorder.take();
  gateway.events.length = 0;
});

afterAll(() => {
  gateway.close();
  recorder.close();
});

/** So many events of exchanges, when they have come. */
async function eventually(count: number): Promise<readonly ExchangeEvent[]> {
  while (exchangesIn(gateway.events).length < count) await new Promise((resolve) => setImmediate(resolve));
  expect(gateway.errors).toEqual([]);
  expect(exchangesIn(gateway.events)).toHaveLength(count);
  return exchangesIn(gateway.events);
}

const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

const FORM = ['Host: a.example', 'Content-Type: application/x-www-form-urlencoded'] as const;

/** Sends a request, and does something in the turn of the event loop in which its head has come. */
async function interrupted(port: number, bytes: string, act: (socket: Socket) => void): Promise<void> {
  const client = await RawClient.open(port);
  const onHead = (message: unknown): void => {
    const socket: unknown = typeof message === 'object' && message !== null && Reflect.get(message, 'socket');
    if (socket instanceof Socket) process.nextTick(() => act(socket));
  };
  subscribe('http.server.request.start', onHead);
  client.send(bytes);
  await client.ended();
  unsubscribe('http.server.request.start', onHead);
  client.close();
}

describe('a client that is gone before its request is judged', () => {
  test.each([
    ['a path that leaves its root', '/../x', 'strictness', 'PATH_TRAVERSAL'],
    ['an attack', '/?q=attack', 'waf', 'REQUEST_CONTENT_DENIED'],
  ])('cannot hide that it was %s', async (_, target, decidedBy, reason) => {
    const bytes = head(`GET ${target} HTTP/1.1`, 'Host: a.example');
    await interrupted(gateway.port, bytes, (socket) => void socket.destroy());
    expect(await eventually(1)).toMatchObject([{ verdict: 'deny', decidedBy, reason }]);
    expect(recorder.take().requests).toEqual([]);
  });
});

test('a gateway that ends before a request is judged asks no server', async () => {
  const ending = await startGateway(upstreamPort);
  await interrupted(ending.port, head('GET /a HTTP/1.1', 'Host: a.example'), () => ending.close());
  expect(exchangesIn(ending.events)).toMatchObject([
    { verdict: 'deny', reason: 'DRAINING', route: 'all', upstream: '' },
  ]);
  expect(recorder.take().requests).toEqual([]);
});

test.each([
  ['of its own head', [], head('POST / HTTP/1.1', ...FORM, 'Transfer-Encoding: chunked')],
  [
    'in which another request is before it',
    ['/first'],
    head('GET /first HTTP/1.1', 'Host: a.example') + head('POST / HTTP/1.1', ...FORM, 'Transfer-Encoding: chunked'),
  ],
])('what came of a body that breaks in the packet %s is judged for the event', async (_, asked, bytes) => {
  const client = await RawClient.open(gateway.port);
  client.send(`${bytes}8\r\nq=attack\r\n0x\r\n\r\n`);
  await client.ended();
  client.close();
  const events = await eventually(asked.length + 1);
  expect(events.at(-1)).toMatchObject({ verdict: 'deny', reason: 'MALFORMED_REQUEST', inspection: { ruleIds: [1] } });
  expect(recorder.take().requests.map(({ target }) => target)).toEqual(asked);
});
