import { readFileSync } from 'node:fs';
import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../src/index.ts';
import { notificationOf, Receiver, TIME_MS } from './receiver.ts';

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const KEY = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const OLD_KEY = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

let isFromGateway: (headers: Headers, body: string, key: string, nowMs: number) => boolean;
let receiver: Receiver;

beforeEach(async () => {
  const page = readFileSync(new URL('../../../../docs/operating.md', import.meta.url), 'utf8');
  const blocks = page.split('```js\n').map((rest) => rest.split('\n```')[0] ?? '');
  const program = blocks.find((block) => block.includes('function isFromGateway')) ?? '';
  ({ isFromGateway } = await import(`data:text/javascript,${encodeURIComponent(program)}`));
  receiver = await Receiver.open();
});

afterEach(() => receiver.close());

async function received(): Promise<{ readonly headers: Headers; readonly body: string }> {
  const channel = openChannel(
    {
      kind: 'webhook',
      name: 'ops',
      url: `${receiver.origin}/hook`,
      keys: [KEY, OLD_KEY],
      ca: undefined,
      isResolvedSent: true,
      hourlyMax: 20,
    },
    { clock: new ManualClock(TIME_MS) },
  );
  expect(await channel.deliver(notificationOf())).toEqual({ kind: 'sent' });
  const [request] = receiver.received;
  if (request === undefined) throw new Error('nothing came');
  return request;
}

describe('the check of a signature that docs/operating.md shows', () => {
  it('believes what the gateway has sent, by either key', async () => {
    const { headers, body } = await received();
    expect([KEY, OLD_KEY].map((key) => isFromGateway(headers, body, key, TIME_MS))).toEqual([true, true]);
  });

  it('believes nothing else', async () => {
    const { headers, body } = await received();
    expect(isFromGateway(headers, `${body} `, KEY, TIME_MS)).toBe(false);
    expect(isFromGateway({ ...headers, 'webhook-id': 'ntf_0' }, body, KEY, TIME_MS)).toBe(false);
    expect(isFromGateway({ ...headers, 'webhook-signature': undefined }, body, KEY, TIME_MS)).toBe(false);
    expect(isFromGateway({ ...headers, 'webhook-timestamp': 'soon' }, body, KEY, TIME_MS)).toBe(false);
    expect(isFromGateway(headers, body, `whsec_${Buffer.alloc(32, 8).toString('base64')}`, TIME_MS)).toBe(false);
    expect(isFromGateway(headers, body, KEY, TIME_MS + 301_000)).toBe(false);
  });
});
