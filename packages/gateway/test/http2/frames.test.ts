import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FLAG, FRAME, FrameReader } from '../../src/http2/frames.ts';
import { frame, word } from './frame-client.ts';

/** What a reader sees of bytes that come in these pieces, each frame as text. */
function seen(chunks: readonly Uint8Array[], prefaceBytes = 0): readonly string[] {
  const found: string[] = [];
  const reader = new FrameReader(prefaceBytes, ({ type, flags, length, stream, detail }) =>
    found.push(`${type} ${flags} ${length} ${stream} ${detail}`),
  );
  for (const chunk of chunks) reader.read(chunk);
  return found;
}

const SAMPLE = Buffer.concat([
  frame(FRAME.SETTINGS, 0, 0),
  frame(FRAME.DATA, FLAG.PADDED, 1, Buffer.from([7, 65, 0, 0, 0, 0, 0, 0, 0])),
  frame(FRAME.DATA, FLAG.PADDED, 1),
  frame(FRAME.RST_STREAM, 0, 2 ** 31 - 1, word(0xfffffffe)),
  frame(FRAME.GOAWAY, 0, 0, Buffer.concat([word(5), word(11), Buffer.from('why')])),
  frame(FRAME.HEADERS, FLAG.END_HEADERS, 3, Buffer.alloc(70_000)),
  frame(99, 0xff, 4, Buffer.alloc(1)),
]);

const EXPECTED = [
  '4 0 0 0 0',
  '0 8 9 1 7',
  '0 8 0 1 0',
  '3 0 4 2147483647 4294967294',
  '7 0 11 0 11',
  '1 4 70000 3 0',
  '99 255 1 4 0',
];

describe('the frame reader', () => {
  test('sees each frame with its header and its code', () => {
    expect(seen([SAMPLE])).toEqual(EXPECTED);
  });

  test('passes over the preface', () => {
    expect(seen([Buffer.alloc(20), Buffer.alloc(4), SAMPLE], 24)).toEqual(EXPECTED);
  });

  test('sees the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(SAMPLE.length), { maxLength: 60 }), (cuts) => {
        const places = [0, ...cuts.toSorted((one, other) => one - other), SAMPLE.length];
        const chunks = places.slice(1).map((end, index) => SAMPLE.subarray(places[index], end));
        expect(seen(chunks)).toEqual(EXPECTED);
      }),
    );
    expect(seen([...SAMPLE].map((byte) => Uint8Array.of(byte)))).toEqual(EXPECTED);
  });

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
        seen(chunks, 24);
      }),
    );
  });
});
