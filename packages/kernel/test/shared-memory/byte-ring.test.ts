import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteRing } from '../../src/index.ts';
import { resultOf, startThread } from './threads.ts';

const BYTES = 4096;

function ringOf(shares: readonly number[] = [0.5, 1]): ByteRing {
  return new ByteRing(ByteRing.allocate({ bytes: BYTES, shares }));
}

function textOf(memory: Uint8Array, start: number, end: number): string {
  return Buffer.from(memory.subarray(start, end)).toString('utf8');
}

function drainTexts(ring: ByteRing, bytesMax?: number): string[] {
  const texts: string[] = [];
  ring.drain((memory, start, end, recordClass) => {
    texts.push(`${recordClass} ${textOf(memory, start, end)}`);
  }, bytesMax);
  return texts;
}

/** Expects the records of the thread that writes numbers, each once and in order. */
class NumberedReader {
  next = 0;

  readonly read = (memory: Uint8Array, start: number, end: number, recordClass: number): void => {
    const text = textOf(memory, start, end);
    const expected = `${this.next}:${'é'.repeat(this.next % 61)}`;
    if (text !== expected || recordClass !== this.next % 2) throw new Error(`${text} instead of ${expected}`);
    this.next += 1;
  };
}

describe('a byte ring', () => {
  it('hands over what was written, in order, whatever is written and whenever it is read', () => {
    const write = fc.record({
      content: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.uint8Array({ maxLength: 900 })),
      recordClass: fc.nat(1),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(write, fc.nat(3000)), { maxLength: 60 }), (steps) => {
        const ring = ringOf();
        const expected: string[] = [];
        const got: string[] = [];
        const dropped = [0, 0];
        for (const step of steps) {
          if (typeof step === 'number') {
            got.push(...drainTexts(ring, step));
          } else if (ring.write(step.content, step.recordClass)) {
            expected.push(`${step.recordClass} ${Buffer.from(step.content).toString('utf8')}`);
          } else {
            dropped[step.recordClass] = (dropped[step.recordClass] ?? 0) + 1;
            // It is dropped only when its class has not twice its room: a record lies in one piece.
            const bytes = Buffer.byteLength(Buffer.from(step.content)) + 8;
            expect(ring.waitingBytes + bytes * 2).toBeGreaterThan(step.recordClass === 0 ? BYTES / 2 : BYTES);
          }
        }
        got.push(...drainTexts(ring));
        expect(got).toEqual(expected);
        expect([ring.takeDropped(0), ring.takeDropped(1)]).toEqual(dropped);
        expect(ring.waitingBytes).toBe(0);
      }),
    );
  });

  it('keeps its reserve for the more important class and counts what it drops by class', () => {
    const ring = ringOf([0.5, 0.75, 1]);
    const record = 'x'.repeat(60);
    const taken = [0, 1, 2].map((recordClass) => {
      let count = 0;
      while (ring.write(record, recordClass)) count += 1;
      return count;
    });
    expect(taken).toEqual([32, 16, 16]);
    expect([0, 1, 2].map((recordClass) => ring.takeDropped(recordClass))).toEqual([1, 1, 1]);
    expect(ring.takeDropped(0)).toBe(0);
  });

  it.each([
    { content: 'x'.repeat(BYTES - 4), fits: true },
    { content: 'x'.repeat(BYTES - 3), fits: false },
    { content: 'é'.repeat((BYTES - 4) / 2), fits: true },
    { content: `${'é'.repeat((BYTES - 4) / 2)}x`, fits: false },
    { content: `${'x'.repeat(BYTES - 6)}é`, fits: true },
    { content: `${'x'.repeat(BYTES - 5)}é`, fits: false },
    { content: '\u{d800}'.repeat((BYTES - 4) / 3), fits: true },
    { content: new Uint8Array(BYTES - 4).fill(65), fits: true },
    { content: new Uint8Array(BYTES - 3), fits: false },
    { content: '', fits: true },
  ])('takes a record of its own size and none that is longer (row %#)', ({ content, fits }) => {
    const ring = ringOf();
    expect(ring.write(content, 1)).toBe(fits);
    expect(drainTexts(ring)).toEqual(fits ? [`1 ${Buffer.from(content).toString('utf8')}`] : []);
  });

  it('goes on after four gigabytes, where its positions begin again at zero', () => {
    const ring = ringOf([1]);
    // Head and tail, as they are after that much.
    new Int32Array(ring.buffer)[32] = -BYTES * 3;
    new Int32Array(ring.buffer)[48] = -BYTES * 3;
    const texts = Array.from({ length: 90 }, (_, index) => `${index}`.repeat(90));
    for (const text of texts) {
      expect(ring.write(text, 0)).toBe(true);
      expect(ring.waitingBytes).toBeGreaterThan(text.length);
      expect(drainTexts(ring)).toEqual([`0 ${text}`]);
    }
    expect(new Int32Array(ring.buffer)[48]).toBeGreaterThan(0);
  });

  it('counts a record that its reader throws at as read', () => {
    const ring = ringOf();
    ring.write('first', 0);
    ring.write('second', 0);
    expect(() =>
      ring.drain(() => {
        throw new Error('a reader that fails');
      }),
    ).toThrow('a reader that fails');
    expect(drainTexts(ring)).toEqual(['0 second']);
  });

  it('takes a class it does not know for the least important one', () => {
    const ring = ringOf();
    ring.write('which', 7);
    expect(drainTexts(ring)).toEqual(['0 which']);
  });

  it('shows nothing of a record until it is whole', () => {
    const ring = ringOf([1]);
    const before = new Uint8Array(ring.buffer).slice();
    ring.write('never finished', 0);
    const after = new Uint8Array(ring.buffer).slice();
    // A writer that dies anywhere leaves a subset of its stores, in order; the store that publishes is the last one.
    const published = [...after.keys()].filter((at) => after[at] !== before[at] && after[at] === 20);
    expect(published).toHaveLength(1);
    new Uint8Array(ring.buffer).set(after);
    new Uint8Array(ring.buffer)[published[0] ?? 0] = 0;
    expect(drainTexts(ring)).toEqual([]);
    expect(ring.write('another writer', 0)).toBe(true);
    expect(drainTexts(ring)).toEqual(['0 another writer']);
  });

  it('carries everything between two threads and wakes its reader', async () => {
    const ring = ringOf([0.75, 1]);
    const result = resultOf(startThread({ do: 'write', ring: ring.buffer, records: 20_000, from: 0 }));
    const reader = new NumberedReader();
    while (reader.next < 20_000) {
      await ring.whenReadable();
      ring.drain(reader.read);
    }
    expect(await result).toEqual({ written: 20_000 });
    expect(ring.waitingBytes).toBe(0);
  });

  it('is readable to its last whole record after its writer was ended, and serves another writer', async () => {
    const ring = new ByteRing(ByteRing.allocate({ bytes: 1_048_576, shares: [1, 1] }));
    const reader = new NumberedReader();
    for (let writer = 0; writer < 2; writer += 1) {
      const thread = startThread({ do: 'write', ring: ring.buffer, records: 1e9, from: reader.next });
      const enough = reader.next + 500 + writer * 777;
      while (reader.next < enough) {
        await ring.whenReadable();
        ring.drain(reader.read);
      }
      await thread.terminate();
      ring.drain(reader.read);
    }
    expect(reader.next).toBeGreaterThan(1200);
  });

  it('wakes its reader with the next record after a writer died between announcing one and waking', async () => {
    const ring = ringOf();
    const words = new Int32Array(ring.buffer);
    const waiting = ring.whenReadable();
    // The words after "somebody waits": the signal has changed, and nobody was told.
    Atomics.add(words, 34, 1);
    new ByteRing(ring.buffer).write('the next one', 0);
    await waiting;
    expect(drainTexts(ring)).toEqual(['0 the next one']);
    // The reader's next wait is not taken for one that is answered.
    const again = ring.whenReadable();
    ring.write('and another one', 0);
    await again;
    expect(drainTexts(ring)).toEqual(['0 and another one']);
    expect(words[33]).toBe(0);
  });

  it('can be woken so that its reader ends', async () => {
    const ring = ringOf();
    const waiting = ring.whenReadable();
    ring.wake();
    await waiting;
    expect(ring.waitingBytes).toBe(0);
  });

  it.each([
    { bytes: 4095, shares: [1] },
    { bytes: 134_217_729, shares: [1] },
    { bytes: 4096, shares: [] },
    { bytes: 4096, shares: [0] },
    { bytes: 4096, shares: [1.1] },
    { bytes: 4096, shares: Array.from({ length: 17 }, () => 1) },
  ])('refuses options out of range (row %#)', (options) => {
    expect(() => ByteRing.allocate(options)).toThrow(RangeError);
  });

  it('refuses memory that is none', () => {
    expect(() => new ByteRing(new SharedArrayBuffer(4096))).toThrow('this buffer holds no byte-ring');
  });

  it('is attached in another thread by its buffer alone', async () => {
    const ring = ringOf([1, 1]);
    const thread = startThread({ do: 'write', ring: ring.buffer, records: 1, from: 5 });
    await once(thread, 'exit');
    expect(drainTexts(ring)).toEqual(['1 5:ééééé']);
  });
});
