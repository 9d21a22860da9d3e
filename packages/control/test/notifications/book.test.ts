import type { Notice, Notification, NotificationsConfig } from '@sallyport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NotificationBook } from '../../src/index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A book, and a clock to turn its pages. */
class Rig {
  readonly book: NotificationBook;
  readonly sent: Notification[] = [];
  nowMs = 0;

  constructor(config: NotificationsConfig) {
    let last = 0;
    const newId = (): string => {
      last += 1;
      return `n${last}`;
    };
    this.book = new NotificationBook({ config, node: 'gate', newId });
  }

  say(subject: string, status: Notice['status'] = 'firing', more: Partial<Notice> = {}): void {
    this.book.notify(noticeOf(subject, status, { timeMs: this.nowMs, ...more }), this.nowMs);
  }

  /** Looks every second for so long, and answers what was sent, in short. */
  wait(ms: number): readonly string[] {
    const before = this.sent.length;
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += 1_000;
      this.sent.push(...this.book.due({ nowMs: this.nowMs, wallMs: this.nowMs }));
    }
    return this.sent.slice(before).map(short);
  }
}

function noticeOf(subject: string, status: Notice['status'], more: Partial<Notice> = {}): Notice {
  return {
    kind: 'service-down',
    subject,
    status,
    severity: 'critical',
    summary: `${subject} is ${status}`,
    facts: {},
    timeMs: 0,
    ...more,
  };
}

/** `0:30 a change: game firing`. */
function short({ timeMs, channel, occasion, items, omitted, missed }: Notification): string {
  const time = `${Math.floor(timeMs / MINUTE)}:${String((timeMs % MINUTE) / 1_000).padStart(2, '0')}`;
  const what = items.map(({ subject, status }) => `${subject} ${status}`).join(', ');
  const more = `${omitted > 0 ? ` +${omitted}` : ''}${missed > 0 ? ` (${missed} missed)` : ''}`;
  return `${time} ${channel} ${occasion}: ${what}${more}`;
}

interface Setting {
  readonly hourlyMax?: number;
  readonly isResolvedSent?: boolean;
}

function configOf({ hourlyMax = 20, isResolvedSent = true }: Setting = {}): NotificationsConfig {
  return {
    channels: ['a', 'b'].map((name) => ({ kind: 'slack', name, url: 'https://x.example/', isResolvedSent, hourlyMax })),
    routes: [
      { kinds: [], severityMin: 'info', channels: ['a'], waitMs: 30_000, intervalMs: 5 * MINUTE, repeatMs: 4 * HOUR },
      {
        kinds: ['under-attack'],
        severityMin: 'critical',
        channels: ['a', 'b'],
        waitMs: 0,
        intervalMs: MINUTE,
        repeatMs: HOUR,
      },
    ],
    attack: { refusedMin: 1, shareMin: 0, timesUsual: 1 },
  };
}

describe('a notification book', () => {
  it('waits for what happens together, and tells it once however often it is said', () => {
    const rig = new Rig(configOf());
    rig.say('game');
    rig.wait(10_000);
    rig.say('chat');
    for (let index = 0; index < 100; index += 1) rig.say('game');
    expect(rig.wait(HOUR)).toEqual(['0:30 a change: game firing, chat firing']);
  });

  it('tells the end of what was told, and leaves its interval between messages', () => {
    const rig = new Rig(configOf());
    rig.say('game');
    rig.wait(40_000);
    rig.say('game', 'resolved');
    rig.say('chat');
    expect(rig.wait(HOUR)).toEqual(['5:30 a change: chat firing, game resolved']);
  });

  it('says nothing of what began and ended before anybody was told, nor of an end without a beginning', () => {
    const rig = new Rig(configOf());
    rig.say('never', 'resolved');
    rig.say('game');
    rig.wait(10_000);
    rig.say('game', 'resolved');
    expect(rig.wait(HOUR)).toEqual([]);
  });

  it('repeats what lasts', () => {
    const rig = new Rig(configOf());
    rig.say('game');
    expect(rig.wait(9 * HOUR)).toEqual([
      '0:30 a change: game firing',
      '240:30 a repeat: game firing',
      '480:30 a repeat: game firing',
    ]);
  });

  it('tells again what has become worse, and not what has become better', () => {
    const rig = new Rig(configOf());
    rig.say('game', 'firing', { severity: 'warning' });
    rig.wait(MINUTE);
    rig.say('game', 'firing', { severity: 'critical' });
    expect(rig.wait(HOUR)).toEqual(['5:30 a change: game firing']);
    rig.say('game', 'firing', { severity: 'warning' });
    expect(rig.wait(HOUR)).toEqual([]);
  });

  it('leads kinds and severities to their channels, and a channel hears of one state by its first route only', () => {
    const rig = new Rig(configOf());
    rig.say('gate', 'firing', { kind: 'under-attack' });
    expect(rig.wait(MINUTE)).toEqual(['0:01 b change: gate firing', '0:30 a change: gate firing']);
    rig.say('gate', 'resolved', { kind: 'under-attack', severity: 'info' });
    // An end leads where its beginning led, whatever its own severity is.
    expect(rig.wait(HOUR)).toEqual(['1:01 b change: gate resolved', '5:30 a change: gate resolved']);
  });

  it('does not tell ends to a channel that does not want them', () => {
    const rig = new Rig(configOf({ isResolvedSent: false }));
    rig.say('game');
    rig.wait(MINUTE);
    rig.say('game', 'resolved');
    expect(rig.wait(HOUR)).toEqual([]);
    rig.say('game');
    expect(rig.wait(MINUTE)).toEqual(['61:30 a change: game firing']);
  });

  it('says nothing over the limit of a channel, and all of it in one message later', () => {
    const rig = new Rig(configOf({ hourlyMax: 2 }));
    const kinds = ['service-down', 'under-attack', 'events-dropped', 'certificate-ending'] as const;
    rig.say('one');
    rig.wait(MINUTE);
    for (const kind of kinds) rig.say('two', 'firing', { kind, severity: 'info' });
    // The second place is the last one, and so for everything that is due.
    expect(rig.wait(MINUTE)).toEqual(['1:30 a held: two firing, two firing, two firing']);
    expect(rig.wait(50 * MINUTE)).toEqual([]);
    rig.say('blip');
    rig.wait(MINUTE);
    rig.say('blip', 'resolved');
    expect(rig.wait(HOUR)).toEqual(['60:30 a held: two firing (1 missed)']);
  });

  it('takes what comes and goes for lasting until it is calm', () => {
    const rig = new Rig(configOf());
    for (let index = 0; index < 6; index += 1) {
      rig.say('game');
      rig.wait(100_000);
      rig.say('game', 'resolved');
      rig.wait(100_000);
    }
    expect(rig.sent.map(short).slice(0, 2)).toEqual(['0:30 a change: game firing', '5:30 a change: game resolved']);
    const rest = [...rig.sent.slice(2).map(short), ...rig.wait(HOUR)];
    expect(rest).toEqual(['10:30 a change: game firing', '33:20 a change: game resolved']);
    expect(rig.sent[2]?.items[0]?.isFlapping).toBe(true);
  });

  it('names twenty states in one message and counts the rest', () => {
    const rig = new Rig(configOf());
    for (let index = 0; index < 25; index += 1) rig.say(`s${index}`);
    rig.wait(MINUTE);
    expect(rig.sent.map(({ items, omitted }) => [items.length, omitted])).toEqual([[20, 5]]);
    for (let index = 0; index < 25; index += 1) rig.say(`s${index}`, 'resolved');
    rig.wait(HOUR);
    expect(rig.sent[1]).toMatchObject({ omitted: 5 });
    expect(rig.book.open()).toEqual([]);
  });

  it('keeps five hundred states and counts what finds no room', () => {
    const rig = new Rig(configOf());
    for (let index = 0; index < 600; index += 1) rig.say(`s${index}`);
    expect(rig.book.open()).toHaveLength(500);
    expect(rig.book.overflowed).toBe(100);
    for (let index = 0; index < 600; index += 1) rig.say(`s${index}`, 'resolved');
    rig.wait(2 * HOUR);
    for (let index = 600; index < 1_100; index += 1) rig.say(`s${index}`);
    expect(rig.book.overflowed).toBe(100);
  });

  it('holds every text in one line and short', () => {
    const rig = new Rig(configOf());
    rig.say(`a\r\nBcc: x\u202E${'y'.repeat(500)}`, 'firing', {
      summary: `${'z'.repeat(398)}\u{1F600}\u{1F600}`,
      facts: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`n${index}`, '\u001b[31m'])),
    });
    rig.wait(MINUTE);
    const item = rig.sent[0]?.items[0];
    expect(item?.subject).toBe(`a Bcc: x ${'y'.repeat(118)}…`);
    expect(item?.summary).toBe(`${'z'.repeat(398)}…`);
    expect(Object.entries(item?.facts ?? {})).toHaveLength(8);
    expect(item?.facts['n0']).toBe(' [31m');
  });
});

describe('a notification book that goes on after a restart', () => {
  function restarted(rig: Rig, downMs: number): Rig {
    const next = new Rig(configOf());
    next.nowMs = rig.nowMs + downMs;
    next.book.restore(rig.book.remembered(0), { nowMs: next.nowMs, offsetMs: 0 });
    return next;
  }

  it('does not tell again what was told, and tells its end', () => {
    const rig = new Rig(configOf());
    rig.say('game');
    rig.wait(MINUTE);
    const next = restarted(rig, MINUTE);
    next.say('game');
    expect(next.wait(30 * MINUTE)).toEqual([]);
    next.say('game', 'resolved');
    expect(next.wait(HOUR)).toEqual(['32:30 a change: game resolved']);
  });

  it('ends what nobody says again within ten minutes', () => {
    const rig = new Rig(configOf());
    rig.say('game');
    rig.wait(MINUTE);
    const next = restarted(rig, MINUTE);
    expect(next.wait(HOUR)).toEqual(['12:30 a change: game resolved']);
    expect(next.sent[0]?.items[0]?.summary).toBe('game: not seen again since a restart');
  });

  it('keeps to the limit of the hour', () => {
    const rig = new Rig(configOf({ hourlyMax: 20 }));
    for (let index = 0; index < 20; index += 1) {
      rig.say(`s${index}`, index % 2 === 0 ? 'firing' : 'firing', {
        kind: index % 2 === 0 ? 'service-down' : 'events-dropped',
      });
      rig.wait(2 * MINUTE + 30_000);
    }
    const told = rig.sent.length;
    const next = restarted(rig, 1_000);
    for (let index = 0; index < 40; index += 1) {
      next.say(`t${index}`, 'firing', { kind: index % 2 === 0 ? 'service-down' : 'events-dropped' });
      next.wait(MINUTE);
    }
    const times = [...rig.sent, ...next.sent].map(({ timeMs }) => timeMs);
    expect(told).toBeGreaterThan(10);
    expect(mostInAnHour(times)).toBeLessThanOrEqual(20);
  });

  it.each(['', 'null', '[]', '{"version":2}', '{"version":1'])('takes %j for nothing', (text) => {
    const rig = new Rig(configOf());
    rig.book.restore(text, { nowMs: 0, offsetMs: 0 });
    rig.say('game');
    expect(rig.wait(MINUTE)).toEqual(['0:30 a change: game firing']);
  });
});

function mostInAnHour(timesMs: readonly number[]): number {
  return Math.max(0, ...timesMs.map((from) => timesMs.filter((ms) => ms >= from && ms < from + HOUR).length));
}

describe('whatever happens', () => {
  const kinds = fc.constantFrom('service-down', 'under-attack', 'events-dropped', 'certificate-ending');
  const step = fc.record({
    kind: kinds,
    subject: fc.constantFrom('x', 'y', 'z'),
    status: fc.constantFrom('firing', 'resolved'),
    severity: fc.constantFrom('info', 'warning', 'critical'),
    pauseMs: fc.constantFrom(0, 1_000, 29_000, 2 * MINUTE, 20 * MINUTE, 70 * MINUTE),
  });
  const steps = fc.array(step, { maxLength: 60 });

  it('no channel has more messages in an hour than its limit, and hears of beginnings and ends in turn, and of every end', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), (history, hourlyMax) => {
        const rig = new Rig(configOf({ hourlyMax }));
        for (const { kind, subject, status, severity, pauseMs } of history) {
          rig.say(subject, status, { kind, severity });
          rig.wait(pauseMs);
        }
        for (const kind of ['service-down', 'under-attack', 'events-dropped', 'certificate-ending'] as const) {
          for (const subject of ['x', 'y', 'z']) rig.say(subject, 'resolved', { kind });
        }
        rig.wait(3 * HOUR);
        for (const channel of ['a', 'b']) {
          const messages = rig.sent.filter((one) => one.channel === channel);
          expect(mostInAnHour(messages.map(({ timeMs }) => timeMs))).toBeLessThanOrEqual(hourlyMax);
          const lasting = new Set<string>();
          for (const { kind, subject, status } of messages.flatMap(({ items }) => items)) {
            const key = `${kind} ${subject}`;
            if (status === 'resolved') expect(lasting.delete(key)).toBe(true);
            else lasting.add(key);
          }
          expect([...lasting]).toEqual([]);
        }
        expect(rig.book.open()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
