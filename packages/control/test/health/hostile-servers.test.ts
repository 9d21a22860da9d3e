import { createSocket } from 'node:dgram';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ServiceTarget } from '../../src/health/service.ts';
import {
  check,
  dnsTarget,
  httpTarget,
  postgresTarget,
  redisTarget,
  say,
  verdictOf,
  webSocketTarget,
} from './servers.ts';

const KINDS: readonly (readonly [string, (port: number) => ServiceTarget])[] = [
  ['http', (port) => httpTarget(port, { text: 'well' })],
  ['websocket', webSocketTarget],
  ['redis', (port) => redisTarget(port, 'hunter2')],
  ['postgres', (port) => postgresTarget(port, 'hunter2')],
];

describe('a hostile server behind a check', () => {
  it.each(KINDS)('that never stops talking is left after 64 KB (%s)', async (_, target) => {
    let sent = 0;
    const port = await say((socket) => {
      const piece = Buffer.alloc(8_192, '+');
      const more = (): void => {
        while (socket.writable && socket.write(piece)) sent += piece.length;
      };
      socket.on('data', () => undefined).on('drain', more);
      more();
    });
    expect(await verdictOf(target(port))).toMatch(/^(TOO_LARGE|PROTOCOL)/);
    // What the system had taken from it before we left; never what it could have sent in five seconds.
    expect(sent).toBeLessThan(64 * 1_048_576);
  });

  it.each(KINDS)('that says nothing is left in time (%s)', async (_, target) => {
    const port = await say((socket) => void socket.on('data', () => undefined));
    expect(await verdictOf(target(port), 50)).toBe('TIMEOUT');
  });

  it.each(KINDS)('that hangs up is closed, or no server of the kind (%s)', async (_, target) => {
    const port = await say((socket) => void socket.end());
    expect(await verdictOf(target(port))).toMatch(/^CLOSED/);
  });

  const beginnings: readonly string[] = [
    '',
    'HTTP/1.1 ',
    'HTTP/1.1 101 X\r\n',
    '+',
    '-',
    'R\0\0\0\x0c',
    'E\0\0\0\x20',
    'D\xff\xff\xff\xff',
  ];

  it.each(KINDS)(
    'that says anything makes no check throw, and shows nothing of what it said (%s)',
    async (_, target) => {
      const bytes = fc.tuple(fc.constantFrom(...beginnings), fc.uint8Array({ maxLength: 200 }));
      const property = fc.asyncProperty(bytes, async ([beginning, rest]) => {
        const port = await say((socket) => {
          socket.on('data', () => undefined);
          socket.end(Buffer.concat([Buffer.from(beginning, 'latin1'), rest]));
        });
        const { failure } = await check(target(port));
        expect(failure?.code).toMatch(/^[A-Z_]+$/);
        expect(failure?.detail).toMatch(/^[A-Za-z0-9 _-]{0,64}$/);
      });
      await fc.assert(property, { numRuns: 60 });
    },
  );

  it('that sends interim answers and nothing else is left (http)', async () => {
    const port = await say((socket) => {
      socket.on('data', () => undefined);
      socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000));
    });
    expect(await verdictOf(httpTarget(port, { text: 'well' }))).toMatch(/^TOO_LARGE/);
  });

  it('that sends its body a byte at a time is searched to the end of what a check reads (http)', async () => {
    const body = Array.from(`${'x'.repeat(65_532)}well`, (character) => `1\r\n${character}\r\n`).join('');
    const port = await say((socket) => {
      socket.on('data', () => undefined);
      socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}0\r\n\r\n`);
    });
    expect(await verdictOf(httpTarget(port, { text: 'well' }))).toBe('well');
    expect(await verdictOf(httpTarget(port, { text: 'well!' }))).toMatch(/^CONTENT/);
  });

  it('that asks for two thousand million iterations gets none', async () => {
    const port = await say((socket) => {
      const ask = (kind: number, text: string): void => {
        const content = Buffer.concat([Buffer.from([0, 0, 0, kind]), Buffer.from(text, 'latin1')]);
        socket.write(Buffer.concat([Buffer.from('R'), Buffer.from([0, 0, 0, content.length + 4]), content]));
      };
      socket.once('data', () => {
        ask(10, 'SCRAM-SHA-256\0\0');
        socket.once('data', (first) => {
          const nonce = /r=(\S+)$/.exec(first.toString('latin1'))?.[1] ?? '';
          ask(11, `r=${nonce}more,s=c2FsdA==,i=2000000000`);
        });
      });
    });
    expect(await verdictOf(postgresTarget(port, 'hunter2'))).toBe('TOO_LARGE SCRAM iterations');
  });

  it('that answers questions of the DNS with anything makes no check throw', async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 100 }), async (rest) => {
      const server = createSocket('udp4');
      server.on('message', (query, { port, address }) => {
        server.send(Buffer.concat([query.subarray(0, 2), Buffer.from([0x81, 0x80]), rest]), port, address);
      });
      await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
      // Answers that are none are passed over, as if they had not come.
      expect(await verdictOf(dnsTarget(server.address().port), 30)).toMatch(/^[A-Z_]+( E[A-Z]+)?$/);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});
