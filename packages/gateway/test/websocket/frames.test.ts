import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTROL_FRAMES_MAX, FrameReader } from '../../src/websocket/frames.ts';
import { close, type FrameOptions, frame, isText, readStream } from './frame-builder.ts';
import { limitsWith } from './harness.ts';

interface Read {
  /** Opcode, payload and whether its frame is final, by frame; control frames among them. */
  readonly frames: readonly { opcode: number; payload: string }[];
  /** Payload bytes of each whole message. */
  readonly messages: readonly number[];
  readonly refusal: { closeCode: number; code: string; detail: string } | undefined;
}

function read(chunks: readonly Buffer[], from: 'client' | 'server' = 'client', limits = limitsWith()): Read {
  const reader = new FrameReader({ from, limits });
  const frames: { opcode: number; payload: string }[] = [];
  const messages: number[] = [];
  let payload = '';
  for (const chunk of chunks) {
    reader.feed(Buffer.from(chunk));
    let step = reader.next();
    for (; step === 'piece'; step = reader.next()) {
      const { piece } = reader;
      payload += piece.bytes.toString('hex', piece.payloadStart, piece.end);
      if (piece.isMessageEnd) messages.push(piece.messageBytes);
      if (!piece.isFrameEnd) continue;
      frames.push({ opcode: piece.opcode, payload });
      payload = '';
    }
    if (step === 'refused') break;
  }
  return { frames, messages, refusal: reader.refusal };
}

function check(bytes: readonly Buffer[], expected: { closeCode: number; code?: string; detail: string }): void {
  expect(read(bytes).refusal).toEqual({ code: 'FRAME_INVALID', ...expected });
  // The reason does not depend on how the bytes arrive.
  const stream = Buffer.concat(bytes);
  expect(read(Array.from(stream, (_, at) => stream.subarray(at, at + 1))).refusal?.detail).toBe(expected.detail);
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

describe('frames that pass', () => {
  const rows: readonly [string, readonly Buffer[], readonly [number, string][]][] = [
    ['a text', [frame('Hello', { opcode: 1 })], [[1, hex('Hello')]]],
    ['an empty binary message', [frame('')], [[2, '']]],
    ['a payload of 125 bytes', [frame(Buffer.alloc(125, 7))], [[2, '07'.repeat(125)]]],
    ['a payload of 126 bytes', [frame(Buffer.alloc(126, 7))], [[2, '07'.repeat(126)]]],
    ['a payload of 10,240 bytes', [frame(Buffer.alloc(10_240, 7))], [[2, '07'.repeat(10_240)]]],
    [
      'a ping between two fragments',
      [frame('a', { isFinal: false }), frame('p', { opcode: 9 }), frame('b', { opcode: 0 })],
      [
        [2, hex('a')],
        [9, hex('p')],
        [0, hex('b')],
      ],
    ],
    [
      'a character cut between two fragments',
      [frame([0xe2, 0x82], { opcode: 1, isFinal: false }), frame([0xac], { opcode: 0 })],
      [
        [1, 'e282'],
        [0, 'ac'],
      ],
    ],
    ['an unsolicited pong', [frame('x', { opcode: 10 })], [[10, hex('x')]]],
    ['a close without a code', [close()], [[8, '']]],
    ['a close with a code and a reason', [close(1000, 'bye')], [[8, `03e8${hex('bye')}`]]],
    ['a close with the longest reason', [close(4999, 'x'.repeat(123))], [[8, `1387${hex('x'.repeat(123))}`]]],
  ];
  it.each(rows)('passes %s', (_, bytes, expected) => {
    const { frames, refusal } = read(bytes);
    expect(refusal).toBeUndefined();
    expect(frames).toEqual(expected.map(([opcode, payload]) => ({ opcode, payload })));
  });

  it('passes a message of 65,536 bytes from a server, whose frames are not masked', () => {
    const limits = limitsWith({ messageBytesMax: 65_536 });
    const { messages, refusal } = read([frame(Buffer.alloc(65_536), { key: undefined })], 'server', limits);
    expect([messages, refusal]).toEqual([[65_536], undefined]);
  });

  it.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])(
    'passes close code %i',
    (code) => {
      expect(read([close(code)]).refusal).toBeUndefined();
    },
  );
});

describe('frames that are refused with 1002', () => {
  const rows: readonly [string, readonly Buffer[], string][] = [
    ...[1, 2, 4, 7].map((reserved): [string, readonly Buffer[], string] => [
      `reserved bits ${reserved}`,
      [frame('x', { reserved })],
      'reserved bits are set',
    ]),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, readonly Buffer[], string] => [
      `opcode ${opcode}`,
      [frame('x', { opcode })],
      'unknown opcode',
    ]),
    ['a client frame that is not masked', [frame('x', { key: undefined })], 'wrong masking'],
    ['a fragmented ping', [frame('x', { opcode: 9, isFinal: false })], 'control frame is fragmented'],
    ['a ping of 126 bytes', [frame(Buffer.alloc(126), { opcode: 9 })], 'control frame is too long'],
    ['a close of 200 bytes', [frame(Buffer.alloc(200), { opcode: 8 })], 'control frame is too long'],
    ['125 bytes with a 16-bit length', [frame(Buffer.alloc(125), { lengthBytes: 2 })], 'length is not minimal'],
    ['an empty payload with a 16-bit length', [frame('', { lengthBytes: 2 })], 'length is not minimal'],
    ['126 bytes with a 64-bit length', [frame(Buffer.alloc(126), { lengthBytes: 8 })], 'length is not minimal'],
    [
      'a 64-bit length with its high bit',
      [frame('', { lengthBytes: 8, length: 1n << 63n })],
      'length has its high bit set',
    ],
    ['a continuation of nothing', [frame('x', { opcode: 0 })], 'continuation without a start'],
    ['a continuation after the message ended', [frame('x'), frame('y', { opcode: 0 })], 'continuation without a start'],
    [
      'a text inside a binary message',
      [frame('x', { isFinal: false }), frame('y', { opcode: 1 })],
      'new message inside a message',
    ],
    ['a close payload of one byte', [frame('x', { opcode: 8 })], 'close payload of one byte'],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65_535].map(
      (code): [string, readonly Buffer[], string] => [
        `close code ${code}`,
        [close(code)],
        'close code must not be sent',
      ],
    ),
  ];
  it.each(rows)('refuses %s', (_, bytes, detail) => {
    check(bytes, { closeCode: 1002, detail });
  });

  it('refuses a server frame that is masked', () => {
    expect(read([frame('x')], 'server').refusal).toMatchObject({ closeCode: 1002, detail: 'wrong masking' });
  });

  it('refuses by the first byte that shows it, before the rest of the header has come', () => {
    expect(read([frame('x', { reserved: 4 }).subarray(0, 2)]).refusal?.detail).toBe('reserved bits are set');
  });
});

describe('texts that are not UTF-8 are refused with 1007', () => {
  const rows: readonly [string, readonly Buffer[], string][] = [
    ['an overlong slash', [frame([0xc0, 0xaf], { opcode: 1 })], 'text is not UTF-8'],
    ['a surrogate', [frame([0xed, 0xa0, 0x80], { opcode: 1 })], 'text is not UTF-8'],
    ['a value above U+10FFFF', [frame([0xf4, 0x90, 0x80, 0x80], { opcode: 1 })], 'text is not UTF-8'],
    ['a lone continuation byte', [frame([0x80], { opcode: 1 })], 'text is not UTF-8'],
    ['a text that ends inside a character', [frame([0xe2, 0x82], { opcode: 1 })], 'text is not UTF-8'],
    [
      'a fragmented text that ends inside a character',
      [frame([0xe2], { opcode: 1, isFinal: false }), frame([0x82], { opcode: 0 })],
      'text is not UTF-8',
    ],
    ['a close reason', [frame([0x03, 0xe8, 0xff], { opcode: 8 })], 'close reason is not UTF-8'],
  ];
  it.each(rows)('refuses %s', (_, bytes, detail) => {
    check(bytes, { closeCode: 1007, detail });
  });

  it('refuses a wrong byte of an unfinished message as soon as it comes', () => {
    const { refusal } = read([frame([0x61, 0xff], { opcode: 1, isFinal: false })]);
    expect(refusal?.detail).toBe('text is not UTF-8');
  });
});

describe('what is told of a refused frame', () => {
  const rows: readonly [string, readonly Buffer[], { opcode: number; messageBytes: number; payload: string }][] = [
    ['its header alone', [frame('x', { reserved: 4 })], { opcode: 2, messageBytes: 0, payload: '' }],
    ['an unknown opcode', [frame('x', { opcode: 11 })], { opcode: 11, messageBytes: 0, payload: '' }],
    ['a length that is not minimal', [frame('', { lengthBytes: 2 })], { opcode: 2, messageBytes: 0, payload: '' }],
    ['the size it claimed', [frame('', { length: 1n << 40n })], { opcode: 2, messageBytes: 2 ** 40, payload: '' }],
    [
      'the size of all its message',
      [frame(Buffer.alloc(10_000), { isFinal: false }), frame(Buffer.alloc(300), { opcode: 0 })],
      { opcode: 0, messageBytes: 10_300, payload: '' },
    ],
    ['a text that is none', [frame([0x61, 0xff], { opcode: 1 })], { opcode: 1, messageBytes: 2, payload: '61ff' }],
    [
      'the beginning of a long text',
      [frame([...Buffer.from('a'.repeat(99)), 0xff], { opcode: 1 })],
      { opcode: 1, messageBytes: 100, payload: '61'.repeat(64) },
    ],
    ['a close', [close(999, 'bye')], { opcode: 8, messageBytes: 5, payload: `03e7${hex('bye')}` }],
  ];
  it.each(rows)('is %s', (_, bytes, expected) => {
    const reader = new FrameReader({ from: 'client', limits: limitsWith() });
    reader.feed(Buffer.concat(bytes));
    let step = reader.next();
    while (step === 'piece') step = reader.next();
    const { refused } = reader;
    expect(refused && { ...refused, payload: refused.payload.toString('hex') }).toEqual(expected);
  });
});

describe('limits (R1.13)', () => {
  it('passes 10,240 bytes and refuses 10,241 and 20,480 with 1009', () => {
    expect(read([frame(Buffer.alloc(10_240))]).messages).toEqual([10_240]);
    for (const size of [10_241, 20_480]) {
      const { refusal } = read([frame(Buffer.alloc(size))]);
      expect(refusal).toEqual({ closeCode: 1009, code: 'MESSAGE_TOO_BIG', detail: 'message is too big' });
    }
  });

  it('counts the fragments of one message together', () => {
    const half = Buffer.alloc(5_120);
    const exact = [frame(half, { isFinal: false }), frame(half, { opcode: 0 })];
    expect(read(exact).messages).toEqual([10_240]);
    const beyond = [frame(half, { isFinal: false }), frame(Buffer.alloc(5_121), { opcode: 0 })];
    expect(read(beyond).refusal?.closeCode).toBe(1009);
  });

  it('refuses by the header alone, before a byte of the payload has come', () => {
    const big: FrameOptions = { lengthBytes: 8, length: 1n << 62n };
    expect(read([frame('', big)]).refusal?.closeCode).toBe(1009);
  });

  it('passes 64 fragments and refuses the 65th with 1008, so also 10,000 of them', () => {
    const fragments = (count: number): Buffer[] => [
      frame('', { isFinal: false }),
      ...Array.from({ length: count - 1 }, (_, index) => frame('', { opcode: 0, isFinal: index === count - 2 })),
    ];
    expect(read(fragments(64)).messages).toEqual([0]);
    const expected = { closeCode: 1008, code: 'FRAME_INVALID', detail: 'too many fragments' };
    expect(read(fragments(65)).refusal).toEqual(expected);
    const { frames, refusal } = read(fragments(10_000));
    expect([frames.length, refusal]).toEqual([64, expected]);
  });

  it('refuses a flood of pings with 1008 and renews the budget once a second', () => {
    const reader = new FrameReader({ from: 'client', limits: limitsWith() });
    const ping = (): string => {
      reader.feed(frame('', { opcode: 9 }));
      return reader.next();
    };
    for (let second = 0; second < 3; second += 1) {
      reader.renewControlBudget();
      for (let count = 0; count < CONTROL_FRAMES_MAX.client; count += 1) expect(ping()).toBe('piece');
    }
    expect(ping()).toBe('refused');
    expect(reader.refusal).toMatchObject({ closeCode: 1008, detail: 'too many control frames' });
  });
});

const anyFrame: fc.Arbitrary<Buffer> = fc
  .record({
    payload: fc.uint8Array({ maxLength: 300 }),
    opcode: fc.constantFrom(0, 1, 2, 2, 2, 8, 9, 10, 3),
    isFinal: fc.boolean(),
    key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  })
  .map(({ payload, opcode, isFinal, key }) =>
    frame(opcode >= 8 ? payload.subarray(0, 125) : payload, { opcode, isFinal, key: Buffer.from(key) }),
  );

describe('properties', () => {
  it('reads the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (all, cuts) => {
          const stream = Buffer.concat(all);
          const chunks: Buffer[] = [];
          for (let at = 0; at < stream.length; ) {
            const size = cuts[chunks.length % cuts.length] ?? 1;
            chunks.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(read(chunks)).toEqual(read([stream]));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('agrees with a second reader about every stream, and about each payload', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 6 }), (all) => {
        const stream = Buffer.concat(all);
        const seen = readStream(stream, 'client');
        const { frames, refusal } = read([stream], 'client', limitsWith({ messageBytesMax: 1e6 }));
        const until = seen.frames.findIndex(({ opcode }) => opcode === 8);
        const expected = until === -1 ? seen.frames : seen.frames.slice(0, until + 1);
        for (const [index, { opcode, payload }] of frames.slice(0, expected.length).entries()) {
          expect({ opcode, payload }).toEqual({
            opcode: expected[index]?.opcode,
            payload: expected[index]?.payload.toString('hex'),
          });
        }
        // The product judges text and close payloads earlier than the second reader does, never later.
        if (seen.error !== undefined && until === -1) expect(refusal).toBeDefined();
        if (refusal === undefined) expect(frames.length).toBeGreaterThanOrEqual(expected.length);
      }),
      { numRuns: 500 },
    );
  });

  it('finds every text valid that the platform finds valid, and no other, in one piece and byte by byte', () => {
    const bytes = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 8 }).map((array) => Buffer.from(array)),
      fc
        .tuple(fc.string({ unit: 'binary', minLength: 60, maxLength: 120 }), fc.nat(), fc.integer({ min: 0, max: 255 }))
        .map(([text, at, value]) => {
          const spoilt = Buffer.from(text);
          spoilt[at % spoilt.length] = value;
          return spoilt;
        }),
    );
    fc.assert(
      fc.property(bytes, (text) => {
        const whole = frame(text, { opcode: 1 });
        expect(read([whole]).refusal === undefined).toBe(isText(text));
        const single = Array.from(whole, (_, at) => whole.subarray(at, at + 1));
        expect(read(single).refusal === undefined).toBe(isText(text));
      }),
      { numRuns: 1_000 },
    );
  });
});
