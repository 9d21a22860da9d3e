import { createHmac } from 'node:crypto';
import { type Delivery, ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openChannel } from '../../src/index.ts';
import { notificationOf, Receiver, TIME_MS } from './receiver.ts';

const KEY = Buffer.alloc(32, 7);
const OTHER_KEY = Buffer.alloc(32, 9);
const SECRET = 'AbCdEfGhIjKlMnOpQrStUvWxYz';
const clock = new ManualClock(TIME_MS + 1_500);
const any = { isResolvedSent: true, hourlyMax: 20 } as const;

let receiver: Receiver;
beforeEach(async () => {
  receiver = await Receiver.open();
});
afterEach(() => receiver.close());

function webhook(more: { url?: string; timeoutMs?: number } = {}): ReturnType<typeof openChannel> {
  const keys = [`whsec_${KEY.toString('base64')}`, OTHER_KEY.toString('base64')];
  const url = more.url ?? `${receiver.origin}/hook?team=1`;
  return openChannel(
    { kind: 'webhook', name: 'ops', url, keys, ca: undefined, ...any },
    { clock, timeoutMs: more.timeoutMs ?? 5_000 },
  );
}

describe('a webhook', () => {
  it('posts the notification as JSON, signed with every key as Standard Webhooks says', async () => {
    expect(await webhook().deliver(notificationOf())).toEqual({ kind: 'sent' });
    const [request] = receiver.received;
    expect(request).toMatchObject({
      method: 'POST',
      path: '/hook?team=1',
      headers: {
        'content-type': 'application/json',
        'webhook-id': 'ntf_0123456789abcdef',
        'webhook-timestamp': '1700000001',
        'user-agent': 'sallyport',
      },
    });
    const content = `ntf_0123456789abcdef.1700000001.${request?.body}`;
    const sign = (key: Uint8Array): string => `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
    expect(request?.headers['webhook-signature']).toBe(`${sign(KEY)} ${sign(OTHER_KEY)}`);
  });

  it('has exactly these fields', async () => {
    const [down] = notificationOf().items;
    await webhook().deliver(notificationOf({ items: down === undefined ? [] : [down], omitted: 2, missed: 1 }));
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
      type: 'sallyport.notification.change',
      timestamp: '2023-11-14T22:13:20.000Z',
      data: {
        id: 'ntf_0123456789abcdef',
        node: 'gate-1',
        items: [
          {
            kind: 'service-down',
            subject: 'game <!channel> @everyone',
            status: 'firing',
            severity: 'critical',
            summary: 'game *does* not answer: [look](https://evil.example) & wait',
            facts: { server: '10.0.0.1:3000', 'for a': 'while <@1234>' },
            since: '2023-11-14T22:12:20.000Z',
            time: '2023-11-14T22:13:20.000Z',
            flapping: false,
          },
        ],
        omitted: 2,
        missed: 1,
      },
    });
  });

  it.each<[string, number, Record<string, string>, Delivery]>([
    ['a redirect is not followed', 302, { location: 'http://127.0.0.1:1/' }, failedAs('refused')],
    ['a bad request is final', 400, {}, failedAs('refused', { isFinal: true })],
    ['a receiver that is gone is final', 410, {}, failedAs('refused', { isFinal: true })],
    ['a message that is too large is final', 413, {}, failedAs('refused', { isFinal: true })],
    ['a missing page may come back', 404, {}, failedAs('refused')],
    ['a wrong key may be mended', 401, {}, failedAs('unauthorized')],
    ['seconds are waited', 429, { 'retry-after': '17' }, failedAs('limited', { retryAfterMs: 17_000 })],
    ['fractions of seconds are waited', 429, { 'retry-after': '0.65' }, failedAs('limited', { retryAfterMs: 650 })],
    [
      'a date is waited for',
      503,
      { 'retry-after': 'Tue, 14 Nov 2023 22:14:21 GMT' },
      failedAs('receiver', { retryAfterMs: 59_500 }),
    ],
    ['a Retry-After of nonsense is none', 500, { 'retry-after': '-1e9' }, failedAs('receiver')],
  ])('%s', async (_, status, headers, expected) => {
    receiver.answer = (response) => void response.writeHead(status, headers).end('secret of the receiver');
    expect(await webhook().deliver(notificationOf())).toEqual(expected);
    expect(receiver.received).toHaveLength(1);
  });

  it('believes the status of an answer that does not end, and reads no more than 64 KB of it', async () => {
    let written = 0;
    receiver.answer = (response) => {
      response.writeHead(200);
      const more = (): void => {
        while (!response.destroyed && written < 1_073_741_824) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', more);
        }
      };
      response.on('error', () => undefined);
      more();
    };
    expect(await webhook().deliver(notificationOf())).toEqual({ kind: 'sent' });
    expect(written).toBeLessThan(64 * 1_048_576);
  });

  it('is not sent again when the status came and the rest of the answer does not', async () => {
    receiver.answer = (response) => void response.writeHead(200, { 'content-length': '100' }).write('x');
    expect(await webhook({ timeoutMs: 200 }).deliver(notificationOf())).toEqual({ kind: 'sent' });
  });

  it('ends when the receiver goes over to a protocol that nobody has asked for', async () => {
    receiver.answer = (response) =>
      void response.socket?.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      );
    expect(await webhook({ timeoutMs: 200 }).deliver(notificationOf())).toEqual(failedAs('protocol'));
  });

  it('leaves a receiver that sends nothing but interim answers', async () => {
    receiver.answer = (response) => void response.socket?.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000));
    expect(await webhook().deliver(notificationOf())).toEqual(failedAs('protocol'));
  });

  it('gives up a receiver that does not answer', async () => {
    receiver.answer = () => undefined;
    expect(await webhook({ timeoutMs: 50 }).deliver(notificationOf())).toEqual(failedAs('timeout'));
  });

  it('knows a head without an end, a connection that breaks, and one that cannot be had', async () => {
    receiver.answer = (response) => void response.socket?.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(65_536)}`);
    expect(await webhook().deliver(notificationOf())).toEqual(failedAs('protocol'));
    receiver.answer = (response) => void response.socket?.destroy();
    expect(await webhook().deliver(notificationOf())).toEqual(failedAs('unreachable'));
    expect(await webhook({ url: 'http://127.0.0.1:1/' }).deliver(notificationOf())).toEqual(failedAs('unreachable'));
  });

  it('does not speak to a server whose TLS is none', async () => {
    const channel = webhook({ url: `https://127.0.0.1:${receiver.port}/` });
    expect(await channel.deliver(notificationOf())).toMatchObject({
      kind: 'failed',
      failure: expect.stringMatching(/tls|protocol/),
    });
    expect(receiver.received).toEqual([]);
  });
});

function failedAs(failure: string, more: { retryAfterMs?: number; isFinal?: boolean } = {}): Delivery {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- A row of a table.
  return { kind: 'failed', failure, retryAfterMs: undefined, isFinal: false, ...more } as Delivery;
}

describe('a Discord webhook', () => {
  function discord(): ReturnType<typeof openChannel> {
    return openChannel(
      { kind: 'discord', name: 'chat', url: `${receiver.origin}/api/webhooks/1/${SECRET}`, ...any },
      { clock },
    );
  }

  it('mentions nobody, escapes Markdown and waits for the message', async () => {
    receiver.answer = (response) => void response.writeHead(200).end('{}');
    expect(await discord().deliver(notificationOf())).toEqual({ kind: 'sent' });
    const [request] = receiver.received;
    expect(request?.path).toBe(`/api/webhooks/1/${SECRET}?wait=true`);
    expect(JSON.parse(request?.body ?? '')).toEqual({
      content: '\\[FIRING\\:1, RESOLVED\\:1\\] sallyport on gate\\-1',
      allowed_mentions: { parse: [] },
      embeds: [
        {
          title: 'CRITICAL service\\-down\\: game \\<\\!channel\\> \\@everyone',
          description: [
            'game \\*does\\* not answer\\: \\[look\\]\\(https\\://evil\\.example\\) & wait',
            'server\\: 10\\.0\\.0\\.1\\:3000',
            'for a\\: while \\<\\@1234\\>',
            'since 2023\\-11\\-14 22\\:12\\:20 UTC',
          ].join('\n'),
          color: 0xc6_28_28,
          timestamp: '2023-11-14T22:13:20.000Z',
          footer: { text: 'gate-1' },
        },
        {
          title: 'RESOLVED service\\-down\\: chat',
          description: [
            'chat answers again',
            'since 2023\\-11\\-14 22\\:12\\:20 UTC',
            'it comes and goes\\: its end is told when it has calmed down',
          ].join('\n'),
          color: 0x2e_7d_32,
          timestamp: '2023-11-14T22:13:20.000Z',
          footer: { text: 'gate-1' },
        },
      ],
    });
  });

  it('stays below the lengths that Discord takes, whatever there is to say', async () => {
    await discord().deliver(largest());
    const body: {
      content: string;
      embeds: readonly { title: string; description: string; footer: { text: string } }[];
    } = JSON.parse(receiver.received[0]?.body ?? '');
    expect(body.content.length).toBeLessThanOrEqual(2_000);
    expect(body.embeds.length).toBeLessThanOrEqual(10);
    const sum = body.embeds.reduce(
      (all, { title, description, footer }) => all + title.length + description.length + footer.text.length,
      0,
    );
    expect(sum).toBeLessThanOrEqual(6_000);
  });

  it('shows nothing of its URL but the host', () => {
    expect(discord().target).toBe(`127.0.0.1:${receiver.port}`);
    expect(JSON.stringify(discord())).not.toContain(SECRET);
  });
});

describe('a Slack webhook', () => {
  function slack(): ReturnType<typeof openChannel> {
    return openChannel(
      { kind: 'slack', name: 'team', url: `${receiver.origin}/services/${SECRET}`, ...any },
      { clock },
    );
  }

  it('writes plain text in blocks, and escapes what stands in front of them', async () => {
    const [down] = notificationOf().items;
    await slack().deliver(notificationOf({ items: down === undefined ? [] : [down], missed: 3 }));
    expect(JSON.parse(receiver.received[0]?.body ?? '')).toEqual({
      text: '[FIRING:1] sallyport on gate-1: game *does* not answer: [look](https://evil.example) &amp; wait',
      mrkdwn: false,
      link_names: false,
      unfurl_links: false,
      unfurl_media: false,
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: '[FIRING:1] sallyport on gate-1', emoji: false } },
        {
          type: 'section',
          text: {
            type: 'plain_text',
            text: [
              'CRITICAL service-down: game <!channel> @everyone',
              'game *does* not answer: [look](https://evil.example) & wait',
              'server: 10.0.0.1:3000',
              'for a: while <@1234>',
              'since 2023-11-14 22:12:20 UTC',
            ].join('\n'),
            emoji: false,
          },
        },
        {
          type: 'section',
          text: {
            type: 'plain_text',
            text: 'and 3 that began and ended while this channel had reached its limit',
            emoji: false,
          },
        },
      ],
    });
  });

  it('stays below the lengths that Slack takes, whatever there is to say', async () => {
    await slack().deliver(largest());
    const body: { text: string; blocks: readonly { text: { text: string } }[] } = JSON.parse(
      receiver.received[0]?.body ?? '',
    );
    expect(body.text.length).toBeLessThanOrEqual(4_000);
    expect(body.blocks.length).toBeLessThanOrEqual(50);
    expect(Math.max(...body.blocks.map(({ text }) => text.text.length))).toBeLessThanOrEqual(3_000);
    expect(body.blocks[0]?.text.text.length).toBeLessThanOrEqual(150);
  });
});

/** As much as a notification can hold, of characters that grow when they are escaped. */
function largest(): ReturnType<typeof notificationOf> {
  const facts = Object.fromEntries(
    Array.from({ length: 8 }, (_, index) => [`${index}${'*'.repeat(39)}`, '*'.repeat(200)]),
  );
  const [item] = notificationOf().items;
  if (item === undefined) throw new Error('there is no item');
  const large = { ...item, subject: '*'.repeat(128), summary: '&'.repeat(400), facts };
  return notificationOf({
    node: '*'.repeat(255),
    items: Array.from({ length: 20 }, () => large),
    omitted: 480,
    missed: 9,
  });
}
