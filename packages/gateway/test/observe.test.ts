import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { PROFILES } from '@sallyport/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { route } from './harness/config.ts';
import { exchangesIn, type LiveGateway, startGateway } from './request/live-gateway.ts';

/** Answers with the number of body bytes it received. */
const upstreamServer: Server = createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => response.end(`${bytes}`));
});

const routes = [route({ request: { ...PROFILES.api.request, methods: ['POST'], bodyBytesMax: 10 } })];
const lists = { allow: [], deny: ['127.0.0.0/8'] };
const gateways: LiveGateway[] = [];

beforeAll(async () => {
  upstreamServer.listen(0, '127.0.0.1');
  await once(upstreamServer, 'listening');
});

afterAll(() => {
  for (const gateway of gateways) gateway.close();
  upstreamServer.close();
});

async function start(change: Parameters<typeof startGateway>[1]): Promise<LiveGateway> {
  const address = upstreamServer.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const gateway = await startGateway(address.port, { routes, ...change });
  gateways.push(gateway);
  return gateway;
}

/** A body that says nothing of its length before it has been sent. */
function streamed(text: string): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

describe('observe mode', () => {
  it('refuses nothing and records what every stage would have done', async () => {
    const gateway = await start({ observe: true, lists });
    const response = await fetch(`http://127.0.0.1:${gateway.port}/`, { method: 'POST', body: 'x'.repeat(11) });
    expect([response.status, await response.text()]).toEqual([200, '11']);
    const [event] = exchangesIn(gateway.events);
    expect(event).toMatchObject({ verdict: 'pass', status: 200, decidedBy: '' });
    expect(event?.observed).toEqual([
      { stage: 'lists', verdict: 'deny', reason: 'ADDRESS_DENIED' },
      { stage: 'protocol', verdict: 'deny', reason: 'BODY_TOO_LARGE' },
    ]);
  });

  it('lets a streamed body beyond the limit pass and records it', async () => {
    const gateway = await start({ observeStages: ['protocol'] });
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: streamed('x'.repeat(100)), duplex: 'half' };
    const response = await fetch(`http://127.0.0.1:${gateway.port}/`, init);
    expect([response.status, await response.text()]).toEqual([200, '100']);
    expect(exchangesIn(gateway.events)[0]?.observed).toEqual([
      { stage: 'protocol', verdict: 'deny', reason: 'BODY_TOO_LARGE' },
    ]);
  });

  it('of one stage leaves the others in force', async () => {
    const gateway = await start({ observeStages: ['protocol'], lists });
    const response = await fetch(`http://127.0.0.1:${gateway.port}/`, { method: 'POST', body: 'x' });
    expect([response.status, Reflect.get(Object(await response.json()), 'code')]).toEqual([403, 'ADDRESS_DENIED']);
  });

  it('is needed: without it the streamed body is refused', async () => {
    const gateway = await start({});
    const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: streamed('x'.repeat(100)), duplex: 'half' };
    const response = await fetch(`http://127.0.0.1:${gateway.port}/`, init);
    expect([response.status, Reflect.get(Object(await response.json()), 'code')]).toEqual([413, 'BODY_TOO_LARGE']);
    expect(exchangesIn(gateway.events)[0]).toMatchObject({
      verdict: 'deny',
      decidedBy: 'protocol',
      reason: 'BODY_TOO_LARGE',
    });
  });
});
