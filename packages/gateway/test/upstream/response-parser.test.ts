import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ResponseHead } from '../../src/upstream/port.ts';
import {
  CHUNK_EXTENSION_BYTES_MAX,
  FIELDS_MAX,
  HEAD_BYTES_MAX,
  INTERIM_MAX,
  type ResponseContext,
  type ResponseHandler,
  ResponseParser,
} from '../../src/upstream/response-parser.ts';
import { split } from './setup.ts';

const GET: ResponseContext = { isHeadRequest: false, isUpgrade: false };
const HEAD: ResponseContext = { isHeadRequest: true, isUpgrade: false };
const UPGRADE: ResponseContext = { isHeadRequest: false, isUpgrade: true };

/** Everything a parser said about some bytes. `end`: how it stands after the last one. */
interface Reading {
  status: number;
  statusText: string;
  headers: string[];
  framing: string;
  body: string;
  end: 'persistent' | 'closing' | 'upgraded' | 'open' | `malformed: ${string}`;
}

class Recorder implements ResponseHandler {
  readonly reading: Reading = { status: 0, statusText: '', headers: [], framing: '', body: '', end: 'open' };

  onHead(head: ResponseHead): void {
    this.#keepHead(head);
  }

  onData(chunk: Buffer): void {
    this.reading.body += chunk.toString('latin1');
  }

  onEnd(isPersistent: boolean): void {
    expect(this.reading.end).toBe('open');
    this.reading.end = isPersistent ? 'persistent' : 'closing';
  }

  onUpgrade(head: ResponseHead, firstBytes: Buffer): void {
    this.#keepHead(head);
    this.reading.body = firstBytes.toString('latin1');
    this.reading.end = 'upgraded';
  }

  onMalformed(detail: string): void {
    expect(this.reading.end).toBe('open');
    this.reading.end = `malformed: ${detail}`;
  }

  #keepHead(head: ResponseHead): void {
    expect(this.reading.status).toBe(0);
    this.reading.status = head.status;
    this.reading.statusText = head.statusText;
    for (let index = 0; index < head.headers.length; index += 1) {
      this.reading.headers.push(`${head.headers.nameAt(index)}=${head.headers.valueAt(index)}`);
    }
    this.reading.framing = head.framing.kind === 'length' ? `length ${head.framing.bytes}` : head.framing.kind;
  }
}

function read(pieces: readonly Buffer[], context: ResponseContext): Reading {
  const recorder = new Recorder();
  const parser = new ResponseParser(recorder);
  parser.expect(context);
  for (const piece of pieces) {
    // Behind an upgrade the bytes are not the parser's any more.
    if (recorder.reading.end === 'upgraded') recorder.onData(piece);
    else parser.feed(piece);
  }
  return recorder.reading;
}

function readText(text: string, context: ResponseContext): Reading {
  return read([Buffer.from(text, 'latin1')], context);
}

interface GoodRow {
  readonly name: string;
  readonly text: string;
  readonly context?: ResponseContext;
  readonly expected: Partial<Reading>;
}

const GOOD: readonly GoodRow[] = [
  {
    name: 'a body with a length',
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \t\r\n\r\nhello',
    expected: {
      status: 200,
      statusText: 'OK',
      headers: ['content-length=5', 'x-a=b'],
      framing: 'length 5',
      body: 'hello',
      end: 'persistent',
    },
  },
  {
    name: 'a length of 0',
    text: 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
    expected: { status: 404, statusText: 'Not Found', framing: 'length 0', body: '', end: 'persistent' },
  },
  {
    name: 'a status line without the last space',
    text: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
    expected: { status: 200, statusText: '', end: 'persistent' },
  },
  {
    name: 'an empty reason phrase',
    text: 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n',
    expected: { status: 200, statusText: '', end: 'persistent' },
  },
  {
    name: 'obs-text in a value',
    text: 'HTTP/1.1 200 OK\r\nX: \xe9\xff\r\nContent-Length: 0\r\n\r\n',
    expected: { headers: ['x=\xe9\xff', 'content-length=0'], end: 'persistent' },
  },
  {
    name: 'an empty value and a colon in a value',
    text: 'HTTP/1.1 200 OK\r\nA:\r\nB: c:d\r\nContent-Length: 0\r\n\r\n',
    expected: { headers: ['a=', 'b=c:d', 'content-length=0'], end: 'persistent' },
  },
  {
    name: 'a name that is special in JavaScript',
    text: 'HTTP/1.1 200 OK\r\n__proto__: x\r\nContent-Length: 0\r\n\r\n',
    expected: { headers: ['__proto__=x', 'content-length=0'], end: 'persistent' },
  },
  {
    name: 'chunks',
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n',
    expected: { framing: 'chunked', body: 'helloabcdefghijklmnopqrstuvwxyz', end: 'persistent' },
  },
  {
    name: 'chunks under another spelling, with extensions and trailers',
    text: 'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;a="b"\r\nabc\r\n000\r\nX-Checksum: 1\r\nContent-Length: 9\r\n\r\n',
    expected: { headers: ['transfer-encoding=Chunked'], framing: 'chunked', body: 'abc', end: 'persistent' },
  },
  {
    name: 'interim responses',
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
    expected: { status: 200, headers: ['content-length=1'], body: 'x', end: 'persistent' },
  },
  {
    name: 'HEAD, whatever its length says',
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n',
    context: HEAD,
    expected: { headers: ['content-length=500'], framing: 'none', body: '', end: 'persistent' },
  },
  {
    name: '204 without a body',
    text: 'HTTP/1.1 204 No Content\r\n\r\n',
    expected: { framing: 'none', end: 'persistent' },
  },
  {
    name: '304 with the length of what it stands for',
    text: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n',
    expected: { framing: 'none', end: 'persistent' },
  },
  {
    name: 'Connection: close',
    text: 'HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\nx',
    expected: { body: 'x', end: 'closing' },
  },
  {
    name: 'HTTP/1.0, whose connections are not kept',
    text: 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx',
    expected: { body: 'x', end: 'closing' },
  },
  {
    name: '204 with Transfer-Encoding, whose connection is not kept',
    text: 'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    expected: { framing: 'none', end: 'closing' },
  },
  {
    name: 'a body that lasts until the connection ends',
    text: 'HTTP/1.1 200 OK\r\n\r\nhello\r\n',
    expected: { framing: 'until-close', body: 'hello\r\n', end: 'open' },
  },
  {
    name: 'a response with bytes behind it, whose connection is not kept',
    text: 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    expected: { body: 'x', end: 'closing' },
  },
  {
    name: 'a 101 that was asked for, with the first bytes of the new protocol',
    text: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x00',
    context: UPGRADE,
    expected: { status: 101, headers: ['upgrade=websocket'], body: '\x81\x00', end: 'upgraded' },
  },
  {
    name: 'a refusal of an upgrade',
    text: 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno',
    context: UPGRADE,
    expected: { status: 403, body: 'no', end: 'persistent' },
  },
  { name: 'a head that goes on', text: 'HTTP/1.1 200 OK\r\nContent-Len', expected: { status: 0, end: 'open' } },
];

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;

/** Name, bytes, what is said about them. */
const BAD: readonly (readonly [name: string, text: string, detail: string])[] = [
  ['a banner of another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'not an HTTP/1.x status line'],
  ['HTTP/2', 'HTTP/2.0 200 OK\r\n\r\n', 'not an HTTP/1.x status line'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\n\r\n', 'not an HTTP/1.x status line'],
  ['a lower-case protocol', 'http/1.1 200 OK\r\n\r\n', 'not an HTTP/1.x status line'],
  ['two spaces before the status', 'HTTP/1.1  200 OK\r\n\r\n', 'an invalid status code'],
  ['an empty line before the status line', '\r\nHTTP/1.1 200 OK\r\n\r\n', 'not an HTTP/1.x status line'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'an invalid status code'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'an invalid status line'],
  ['a status with a sign', 'HTTP/1.1 +20 OK\r\n\r\n', 'an invalid status code'],
  ['status 099', 'HTTP/1.1 099 X\r\n\r\n', 'status 99 is out of range'],
  ['status 600', 'HTTP/1.1 600 X\r\n\r\n', 'status 600 is out of range'],
  ['a line that ends with LF alone', `${OK}A: b\nContent-Length: 0\r\n\r\n`, 'a line ends without CR LF'],
  ['a head that ends with LF alone', `${OK}Content-Length: 0\r\n\n`, 'a line ends without CR LF'],
  ['a CR within a value', `${OK}A: b\rc\r\n\r\n`, 'a control character in the head'],
  ['a NUL within a value', `${OK}A: b\0c\r\n\r\n`, 'a control character in the head'],
  ['DEL in the reason phrase', 'HTTP/1.1 200 O\x7fK\r\n\r\n', 'a control character in the head'],
  ['a folded line with a space', `${OK}A: b\r\n c\r\n\r\n`, 'a field without a colon'],
  ['a folded line with a colon', `${OK}A: b\r\n\tc: d\r\n\r\n`, 'an invalid field name'],
  ['a space before the colon', `${OK}Content-Length : 0\r\n\r\n`, 'an invalid field name'],
  ['an empty name', `${OK}: x\r\n\r\n`, 'an invalid field name'],
  ['a name with a slash', `${OK}a/b: x\r\n\r\n`, 'an invalid field name'],
  ['a name beyond ASCII', `${OK}\xe9: x\r\n\r\n`, 'an invalid field name'],
  ['two equal lengths', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`, 'two Content-Length fields'],
  ['two different lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`, 'two Content-Length fields'],
  ['a list of lengths', `${OK}Content-Length: 1, 1\r\n\r\nx`, 'an invalid Content-Length'],
  ['a length with a sign', `${OK}Content-Length: +1\r\n\r\nx`, 'an invalid Content-Length'],
  ['a negative length', `${OK}Content-Length: -1\r\n\r\nx`, 'an invalid Content-Length'],
  ['an empty length', `${OK}Content-Length: \r\n\r\nx`, 'an invalid Content-Length'],
  ['a hexadecimal length', `${OK}Content-Length: 0x1\r\n\r\nx`, 'an invalid Content-Length'],
  [
    'a length beyond what can be counted',
    `${OK}Content-Length: ${'9'.repeat(16)}\r\n\r\n`,
    'an invalid Content-Length',
  ],
  [
    'a length and chunks',
    `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'Content-Length together with Transfer-Encoding',
  ],
  ['another coding', `${OK}Transfer-Encoding: gzip\r\n\r\n`, 'a Transfer-Encoding other than chunked'],
  ['two codings', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'a Transfer-Encoding other than chunked'],
  ['a coding with VT', `${OK}Transfer-Encoding: \x0bchunked\r\n\r\n`, 'a control character in the head'],
  [
    'chunked twice',
    `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'two Transfer-Encoding fields',
  ],
  ['chunks in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'Transfer-Encoding in HTTP/1.0'],
  ['a 101 that nobody asked for', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n', '101 without having been asked'],
  ['a chunk size with a space', `${CHUNKED}5 \r\nhello\r\n0\r\n\r\n`, 'an invalid chunk size'],
  ['a chunk size with 0x', `${CHUNKED}0x5\r\nhello\r\n`, 'an invalid chunk size'],
  ['an empty chunk size', `${CHUNKED}\r\nhello`, 'an invalid chunk size'],
  ['a negative chunk size', `${CHUNKED}-1\r\n`, 'an invalid chunk size'],
  ['a chunk size of 14 digits', `${CHUNKED}00000000000001\r\n`, 'a chunk size with too many digits'],
  ['a chunk size that ends with LF', `${CHUNKED}5\nhello\r\n`, 'an invalid chunk size'],
  ['a chunk size with CR alone', `${CHUNKED}5\rhello`, 'a chunk size ends without CR LF'],
  ['LF within a chunk extension', `${CHUNKED}5;a\nhello\r\n`, 'a control character in a chunk extension'],
  ['a chunk longer than its size', `${CHUNKED}3\r\nhello\r\n`, 'a chunk longer than its size'],
  ['a chunk that ends with LF', `${CHUNKED}3\r\nabc\n0\r\n\r\n`, 'a chunk longer than its size'],
  ['a trailer without a colon', `${CHUNKED}0\r\noops\r\n\r\n`, 'a field without a colon'],
  ['a trailer line that ends with LF', `${CHUNKED}0\r\na: b\n\r\n`, 'a line ends without CR LF'],
  ['too many fields', OK + 'a: b\r\n'.repeat(FIELDS_MAX + 1), 'too many fields'],
  ['too many trailers', `${CHUNKED}0\r\n${'a: b\r\n'.repeat(FIELDS_MAX + 1)}`, 'too many fields'],
  ['a line that never ends', `${OK}a: ${'b'.repeat(HEAD_BYTES_MAX)}`, `a head of more than ${HEAD_BYTES_MAX} bytes`],
  [
    'too many interim responses',
    'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(INTERIM_MAX + 1),
    'too many interim responses',
  ],
  [
    'interim responses with too much in them',
    `HTTP/1.1 103 Early Hints\r\na: ${'b'.repeat(HEAD_BYTES_MAX / 2)}\r\n\r\n`.repeat(2),
    `a head of more than ${HEAD_BYTES_MAX} bytes`,
  ],
  [
    'too many bytes of extensions',
    `${CHUNKED}${`1;${'e'.repeat(CHUNK_EXTENSION_BYTES_MAX / 2)}\r\nx\r\n`.repeat(2)}`,
    'too many bytes of chunk extensions',
  ],
];

describe('the response parser', () => {
  it.each(GOOD)('reads $name', ({ text, context, expected }) => {
    expect(readText(text, context ?? GET)).toMatchObject(expected);
  });

  it.each(BAD)('refuses %s', (_, text, detail) => {
    expect(readText(text, GET).end).toBe(`malformed: ${detail}`);
  });

  it('reads as many fields and as many bytes of a head as the limits allow', () => {
    const fields = `${OK}${'a: b\r\n'.repeat(FIELDS_MAX - 1)}Content-Length: 0\r\n\r\n`;
    expect(readText(fields, GET).end).toBe('persistent');
    const rest = 'Content-Length: 0\r\n\r\n';
    const filler = 'x'.repeat(HEAD_BYTES_MAX - OK.length - rest.length - 'a: \r\n'.length);
    expect(readText(`${OK}a: ${filler}\r\n${rest}`, GET).end).toBe('persistent');
    expect(readText(`${OK}a: ${filler}x\r\n${rest}`, GET).end).toContain('malformed');
  });

  it('says the same however the bytes are split', () => {
    const inputs = [
      ...GOOD.map(({ text, context }) => ({ text, context: context ?? GET })),
      ...BAD.map(([, text]) => ({ text, context: GET })),
    ].filter(({ text }) => text.length < 1_000);
    for (const { text, context } of inputs) {
      const bytes = Buffer.from(text, 'latin1');
      const whole = read([bytes], context);
      const single = read(
        Array.from(bytes, (byte) => Buffer.from([byte])),
        context,
      );
      expect(comparable(single)).toEqual(comparable(whole));
      fc.assert(
        fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
          expect(comparable(read(split(bytes, cuts), context))).toEqual(comparable(whole));
        }),
        { numRuns: 50 },
      );
    }
  });

  it('never throws, and ends at most once, on bytes that are nearly a response', () => {
    const part = fc.constantFrom(
      OK,
      'HTTP/1.0 200 OK\r\n',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n',
      '3\r\nabc\r\n',
      '0\r\n\r\n',
      'a: b\r\n',
      '\n',
      '\r',
      '\0',
      ' ',
      'abc',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(100), { maxLength: 4 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''), 'latin1');
        const whole = read([bytes], GET);
        expect(comparable(read(split(bytes, cuts), GET))).toEqual(comparable(whole));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes a body that lasts until the end as complete only when the end is told', () => {
    const recorder = new Recorder();
    const parser = new ResponseParser(recorder);
    parser.expect(GET);
    parser.feed(Buffer.from(`${OK}\r\nabc`));
    expect(parser.finish()).toBe('complete');
    expect(recorder.reading).toMatchObject({ body: 'abc', end: 'closing' });
  });

  it('takes a body with a length that breaks off as incomplete', () => {
    const parser = new ResponseParser(new Recorder());
    parser.expect(GET);
    parser.feed(Buffer.from(`${OK}Content-Length: 10\r\n\r\nabc`));
    expect(parser.finish()).toBe('incomplete');
  });

  it('says nothing more after it was stopped within a callback', () => {
    const heads: number[] = [];
    const parser: ResponseParser = new ResponseParser({
      onHead: ({ status }) => {
        heads.push(status);
        parser.stop();
      },
      onData: () => expect.unreachable(),
      onEnd: () => expect.unreachable(),
      onUpgrade: () => expect.unreachable(),
      onMalformed: () => expect.unreachable(),
    });
    parser.expect(GET);
    parser.feed(Buffer.from(`${OK}Content-Length: 3\r\n\r\nabc`));
    parser.feed(Buffer.from('garbage'));
    expect(heads).toEqual([200]);
  });
});

/**
 * Bytes behind a complete response are seen in the same piece only; in a later piece they come on an idle connection,
 * which closes it.
 */
function comparable(reading: Reading): Reading {
  return { ...reading, end: reading.end === 'closing' ? 'persistent' : reading.end };
}
