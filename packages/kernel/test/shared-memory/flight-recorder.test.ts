import { once } from 'node:events';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlightRecorder } from '../../src/index.ts';
import { startThread } from './threads.ts';

function recorderOf(cells: number, inputBytes = 64): FlightRecorder {
  return new FlightRecorder(FlightRecorder.allocate({ cells, inputBytes }));
}

function shown(recorder: FlightRecorder): string[] {
  return recorder.read().map(({ bytes, isTruncated }) => `${Buffer.from(bytes).toString()}${isTruncated ? '...' : ''}`);
}

describe('a flight recorder', () => {
  it('shows what is in judgement, newest first, like a list would', () => {
    const step = fc.oneof(fc.record({ begin: fc.nat(999) }), fc.record({ end: fc.nat(20) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 6 }), (steps, cells) => {
        const recorder = recorderOf(cells);
        let open: { text: string; ticket: number }[] = [];
        const tickets: number[] = [];
        for (const step of steps) {
          if ('begin' in step) {
            const text = `input ${step.begin}`;
            const ticket = recorder.begin(text);
            tickets.push(ticket);
            open = [{ text, ticket }, ...open].slice(0, cells);
          } else {
            const ticket = tickets[step.end];
            if (ticket === undefined) continue;
            recorder.end(ticket);
            open = open.filter((input) => input.ticket !== ticket);
          }
          expect(shown(recorder)).toEqual(open.map(({ text }) => text));
        }
      }),
    );
  });

  it.each([
    { parts: ['x'.repeat(64)], expected: 'x'.repeat(64) },
    { parts: ['x'.repeat(65)], expected: `${'x'.repeat(64)}...` },
    { parts: ['x'.repeat(60), 'yyyy'], expected: `${'x'.repeat(60)}yyyy` },
    { parts: ['x'.repeat(60), 'yyyyz'], expected: `${'x'.repeat(60)}yyyy...` },
    { parts: ['x'.repeat(64), '', ''], expected: 'x'.repeat(64) },
    { parts: ['é'.repeat(32)], expected: 'é'.repeat(32) },
    { parts: ['é'.repeat(33)], expected: `${'é'.repeat(32)}...` },
    { parts: [`x${'é'.repeat(32)}`], expected: `x${'é'.repeat(31)}...` },
    { parts: [new Uint8Array(65).fill(65)], expected: `${'A'.repeat(64)}...` },
    { parts: [new Uint8Array(3).fill(65), new Uint8Array(2).fill(66)], expected: 'AAABB' },
  ])('keeps the beginning of an input and says when it was longer (row %#)', ({ parts, expected }) => {
    const recorder = recorderOf(2);
    const [first = '', ...more] = parts;
    const ticket = recorder.begin(first);
    for (const part of more) recorder.append(ticket, part);
    expect(shown(recorder)).toEqual([expected]);
  });

  it('does not let a late end or addition touch the input that took its place', () => {
    const recorder = recorderOf(1);
    const first = recorder.begin('first');
    recorder.begin('second');
    recorder.append(first, ' and more');
    recorder.end(first);
    expect(shown(recorder)).toEqual(['second']);
  });

  it('shows after the end of a worker what it was judging', async () => {
    const recorder = recorderOf(8, 256);
    const thread = startThread({ do: 'judge', recorder: recorder.buffer });
    await once(thread, 'message');
    await thread.terminate();
    expect(shown(recorder)).toEqual(['GET /the-input-that-kills HTTP/1.1\r\nx-poison: é']);
    recorder.clear();
    expect(shown(recorder)).toEqual([]);
  });

  it('keeps its order when its numbers begin again', () => {
    const recorder = recorderOf(3);
    new Int32Array(recorder.buffer)[16] = 2 ** 30 - 3;
    for (const text of ['one', 'two', 'three', 'four']) recorder.begin(text);
    expect(shown(recorder)).toEqual(['four', 'three', 'two']);
  });

  it.each([
    { cells: 0, inputBytes: 64 },
    { cells: 1025, inputBytes: 64 },
    { cells: 1, inputBytes: 63 },
    { cells: 1, inputBytes: 65_537 },
  ])('refuses options out of range (row %#)', (options) => {
    expect(() => FlightRecorder.allocate(options)).toThrow(RangeError);
  });
});
