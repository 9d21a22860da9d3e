import { describe, expect, test } from 'vitest';
import { CONTINUATIONS_MAX, FloodGuard } from '../../src/http2/flood-guard.ts';
import { FLAG, FRAME, type Frame } from '../../src/http2/frames.ts';

const LIMITS = {
  streamsMax: 10,
  resets: { burst: 20, perSecond: 2 },
  controlFrames: { burst: 30, perSecond: 5 },
};

function guard(): FloodGuard {
  return new FloodGuard(LIMITS, 1_000, 0);
}

function frame(change: Partial<Frame>): Frame {
  return { type: FRAME.PING, flags: 0, length: 8, stream: 0, detail: 0, ...change };
}

/** How many of these frames pass at one time before one is refused, and why. */
function passing(frames: (index: number) => Partial<Frame>, subject = guard(), nowMs = 0): string {
  for (let index = 0; index < 10_000; index += 1) {
    const why = subject.onFrame(frame(frames(index)), nowMs);
    if (why !== undefined) return `${index} ${why.code} ${why.detail ?? ''}`.trim();
  }
  return 'all';
}

const { HEADERS, CONTINUATION, DATA, RST_STREAM, SETTINGS, PRIORITY, WINDOW_UPDATE } = FRAME;

describe('the flood guard (R3.12)', () => {
  test.each<[string, (index: number) => Partial<Frame>, string]>([
    ['pings', () => ({}), '30 HTTP2_FLOOD PING'],
    ['acknowledged pings', () => ({ flags: FLAG.ACK }), '30 HTTP2_FLOOD PING'],
    ['settings', () => ({ type: SETTINGS }), '30 HTTP2_FLOOD SETTINGS'],
    ['priorities', () => ({ type: PRIORITY }), '30 HTTP2_FLOOD PRIORITY'],
    ['frames of unknown types', (index) => ({ type: 0x20 + (index % 200) }), '30 HTTP2_FLOOD unknown type'],
    ['resets', () => ({ type: RST_STREAM, stream: 1 }), '20 HTTP2_RAPID_RESET RST_STREAM received'],
    ['window updates', () => ({ type: WINDOW_UPDATE, length: 4 }), '1000 HTTP2_FLOOD WINDOW_UPDATE'],
    ['empty data', () => ({ type: DATA, stream: 1, length: 0 }), '1000 HTTP2_FLOOD small DATA'],
    [
      'data that is all padding',
      () => ({ type: DATA, flags: FLAG.PADDED, stream: 1, length: 256, detail: 255 }),
      '1000 HTTP2_FLOOD small DATA',
    ],
    ['data', () => ({ type: DATA, stream: 1, length: 64 }), 'all'],
    [
      'continuations',
      (index) => ({ type: index === 0 ? HEADERS : CONTINUATION, stream: 1, length: 1 }),
      `${CONTINUATIONS_MAX + 1} HTTP2_FLOOD CONTINUATION`,
    ],
    [
      'bytes of one header section',
      (index) => ({ type: index === 0 ? HEADERS : CONTINUATION, stream: 1, length: 300 }),
      '3 HEADERS_TOO_LARGE 1000 bytes',
    ],
    [
      'streams that are neither closed nor refused',
      (index) => ({ type: HEADERS, flags: FLAG.END_HEADERS, stream: 2 * index + 1 }),
      '1010 HTTP2_FLOOD HEADERS',
    ],
  ])('lets so many %s pass', (_, frames, expected) => {
    expect(passing(frames)).toBe(expected);
  });

  test('lets as many pass again as time has earned, and never more than the burst', () => {
    const subject = guard();
    expect(passing(() => ({}), subject, 0)).toBe('30 HTTP2_FLOOD PING');
    expect(passing(() => ({}), subject, 2_000)).toBe('9 HTTP2_FLOOD PING');
    expect(passing(() => ({}), subject, 1_000_000)).toBe('30 HTTP2_FLOOD PING');
  });

  test('counts resets that a client provokes with those that it sends', () => {
    const subject = guard();
    for (let index = 0; index < 10; index += 1) expect(subject.onResetProvoked(0)).toBeUndefined();
    expect(passing(() => ({ type: RST_STREAM, stream: 1 }), subject)).toBe('10 HTTP2_RAPID_RESET RST_STREAM received');
    expect(subject.onResetProvoked(0)).toEqual({ code: 'HTTP2_RAPID_RESET', detail: 'RST_STREAM provoked' });
  });

  test('lets a client acknowledge every piece of a long response', () => {
    const subject = guard();
    for (let index = 0; index < 5_000; index += 1) {
      subject.onDataSent();
      for (const stream of [0, 1]) {
        expect(subject.onFrame(frame({ type: WINDOW_UPDATE, length: 4, stream }), 0)).toBeUndefined();
      }
    }
  });

  test('knows how a client has left a stream', () => {
    const subject = guard();
    const head = { type: HEADERS, flags: FLAG.END_HEADERS, length: 10 };
    subject.onFrame(frame({ ...head, stream: 1 }), 0);
    subject.onFrame(frame({ ...head, stream: 3, flags: FLAG.END_HEADERS | FLAG.END_STREAM }), 0);
    subject.onFrame(frame({ ...head, stream: 5 }), 0);
    expect([1, 3, 5, 7].map((stream) => subject.endOf(stream))).toEqual(['open', 'ended', 'open', undefined]);
    subject.onFrame(frame({ type: DATA, flags: FLAG.END_STREAM, stream: 1, length: 0 }), 0);
    subject.onFrame(frame({ type: RST_STREAM, stream: 5 }), 0);
    subject.onFrame(frame({ type: DATA, flags: FLAG.END_STREAM, stream: 5, length: 0 }), 0);
    expect([1, 5].map((stream) => subject.endOf(stream))).toEqual(['ended', 'reset']);
    subject.forget(1);
    expect(subject.endOf(1)).toBeUndefined();
  });

  test('knows since when a header section is incomplete', () => {
    const subject = guard();
    subject.onFrame(frame({ type: HEADERS, stream: 1, length: 10 }), 100);
    subject.onFrame(frame({ type: CONTINUATION, stream: 1, length: 10 }), 200);
    expect(subject.blockSinceMs).toBe(100);
    subject.onFrame(frame({ type: CONTINUATION, flags: FLAG.END_HEADERS, stream: 1, length: 10 }), 300);
    expect(subject.blockSinceMs).toBe(-1);
  });
});
