import {
  type DeadLetter,
  type Delivery,
  ManualClock,
  type Notice,
  type Notification,
  type NotificationsConfig,
  type Outbox,
  type OutboxEntry,
  StoreError,
} from '@sallyport/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { Courier, type CourierMetrics, createDesk, NotificationBook } from '../../src/index.ts';

/** As much of an outbox as one channel needs; that drivers keep to the port is shown where they are. */
class OneOutbox implements Outbox {
  accident = false;
  memory: string | undefined;
  dead: DeadLetter[] = [];
  waiting: { entry: OutboxEntry; nextMs: number }[] = [];

  enqueue: Outbox['enqueue'] = async ({ notifications, memory, nowMs }) => {
    if (this.accident) throw new StoreError('FULL', 'no room');
    for (const notification of notifications) {
      this.waiting.push({ entry: { notification, failures: 0, enqueuedMs: nowMs }, nextMs: nowMs });
    }
    this.memory = memory;
    return { dropped: 0 };
  };
  recall: Outbox['recall'] = async () => this.memory;
  claim: Outbox['claim'] = async ({ nowMs }) => {
    const [first] = this.waiting;
    return first !== undefined && first.nextMs <= nowMs ? [first.entry] : [];
  };
  done: Outbox['done'] = async () => void this.waiting.shift();
  failed: Outbox['failed'] = async (id, { failure, retryMs }) => {
    const [first] = this.waiting;
    if (first === undefined) return;
    const { entry } = first;
    if (retryMs !== undefined) {
      this.waiting[0] = { entry: { ...entry, failures: entry.failures + 1 }, nextMs: retryMs };
      return;
    }
    this.waiting.shift();
    this.dead.push({ id, channel: entry.notification.channel, failure, enqueuedMs: entry.enqueuedMs });
  };
  status: Outbox['status'] = async () => ({ channels: [], dead: this.dead });
}

const CONFIG: NotificationsConfig = {
  channels: [{ kind: 'slack', name: 'team', url: 'https://x.example/', isResolvedSent: true, hourlyMax: 20 }],
  routes: [{ kinds: [], severityMin: 'info', channels: ['team'], waitMs: 0, intervalMs: 1_000, repeatMs: 86_400_000 }],
  attack: { refusedMin: 1, shareMin: 0, timesUsual: 1 },
};

const DOWN: Notice = {
  kind: 'service-down',
  subject: 'game',
  status: 'firing',
  severity: 'critical',
  summary: 'game does not answer',
  facts: {},
  timeMs: 0,
};

const START_MS = 1_700_000_000_000;

class Rig {
  readonly clock = new ManualClock(START_MS);
  readonly sent: Notification[] = [];
  readonly counted: string[] = [];
  readonly lines: string[] = [];
  answer: Delivery | Error = { kind: 'sent' };
  readonly courier: Courier;

  readonly outbox: OneOutbox;

  constructor(outbox: OneOutbox) {
    this.outbox = outbox;
    const newId = (): string => `ntf_${this.sent.length}`;
    const line = (message: string): void => void this.lines.push(message);
    const metrics: CourierMetrics = {
      sent: (channel) => this.counted.push(`sent ${channel}`),
      failed: (channel, failure) => this.counted.push(`failed ${channel} ${failure}`),
      dropped: (cause, count) => this.counted.push(`dropped ${cause} ${count}`),
      waiting: () => undefined,
    };
    this.courier = new Courier({
      book: new NotificationBook({ config: CONFIG, node: 'gate', newId }),
      outbox,
      channels: [
        {
          name: 'team',
          kind: 'slack',
          target: 'x.example',
          deliver: async (notification) => {
            this.sent.push(notification);
            if (this.answer instanceof Error) throw this.answer;
            return this.answer;
          },
        },
      ],
      node: 'gate',
      clock: this.clock,
      log: { info: line, warn: line, error: line },
      newId,
      random: () => 0.5,
      metrics,
    });
  }

  async wait(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.courier.step();
  }
}

const fails = (more: Partial<Extract<Delivery, { kind: 'failed' }>> = {}): Delivery => ({
  kind: 'failed',
  failure: 'receiver',
  retryAfterMs: undefined,
  isFinal: false,
  ...more,
});

describe('a courier', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig(new OneOutbox());
  });

  it('carries a notice to its channel once', async () => {
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    await rig.wait(1_000);
    expect(rig.sent.map(({ items }) => items.map(({ subject }) => subject))).toEqual([['game']]);
    expect(rig.counted).toEqual(['sent team']);
  });

  it('tries again under the same id, with pauses that double up to an hour', async () => {
    rig.answer = fails();
    rig.courier.notify(DOWN);
    const pauses: number[] = [];
    let lastMs = START_MS;
    for (let seconds = 0; seconds < 86_000 && pauses.length < 13; seconds += 1) {
      const before = rig.sent.length;
      await rig.wait(1_000);
      if (rig.sent.length === before) continue;
      pauses.push(Math.round((rig.clock.wallMs() - lastMs) / 1_000));
      lastMs = rig.clock.wallMs();
    }
    expect(pauses).toEqual([1, 4, 8, 15, 30, 60, 120, 240, 480, 960, 1_920, 2_700, 2_700]);
    expect(new Set(rig.sent.map(({ id }) => id)).size).toBe(1);
  });

  it('waits as long as the receiver wants, but not longer than an hour', async () => {
    rig.answer = fails({ failure: 'limited', retryAfterMs: 60_000 });
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    await rig.wait(59_000);
    expect(rig.sent).toHaveLength(1);
    rig.answer = fails({ failure: 'limited', retryAfterMs: 31_536_000_000 });
    await rig.wait(1_000);
    expect(rig.sent).toHaveLength(2);
    await rig.wait(3_600_000);
    expect(rig.sent).toHaveLength(3);
  });

  it('gives up what the receiver will never take, and what is a day old', async () => {
    rig.answer = fails({ failure: 'refused', isFinal: true });
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    rig.answer = fails();
    rig.courier.notify({ ...DOWN, subject: 'chat' });
    for (let hours = 0; hours < 30; hours += 1) await rig.wait(3_600_000);
    expect(rig.outbox.dead.map(({ failure }) => failure).slice(0, 2)).toEqual(['refused', 'expired']);
    expect(rig.counted).toContain('dropped refused 1');
    expect(rig.counted).toContain('dropped expired 1');
  });

  it('keeps what the outbox does not take, and stores it when it does', async () => {
    rig.outbox.accident = true;
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    await rig.wait(1_000);
    expect(rig.sent).toEqual([]);
    expect(rig.lines).toContain('notifications wait: the outbox does not take them');
    rig.outbox.accident = false;
    await rig.wait(1_000);
    expect(rig.sent).toHaveLength(1);
  });

  it('counts what finds no room while the outbox takes nothing', async () => {
    rig.outbox.accident = true;
    for (let hour = 0; hour < 12; hour += 1) {
      for (let index = 0; index < 20; index += 1) {
        rig.courier.notify({ ...DOWN, subject: `game ${hour} ${index}` });
        await rig.wait(2_000);
      }
      await rig.wait(3_600_000);
    }
    const dropped = rig.counted.reduce((sum, line) => sum + Number(/^dropped full (\d+)$/.exec(line)?.[1] ?? 0), 0);
    rig.outbox.accident = false;
    await rig.wait(0);
    expect([dropped, rig.outbox.waiting.length + rig.sent.length]).toEqual([40, 200]);
  });

  it('survives a channel that throws', async () => {
    rig.answer = new Error('https://hooks.example/secret');
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    expect(rig.counted).toEqual(['failed team internal']);
  });

  it('goes on where an earlier process stopped', async () => {
    rig.courier.notify(DOWN);
    await rig.wait(1_000);
    const next = new Rig(rig.outbox);
    await next.courier.restore();
    next.courier.notify(DOWN);
    await next.wait(5_000);
    expect(next.sent).toEqual([]);
    next.courier.notify({ ...DOWN, status: 'resolved' });
    await next.wait(5_000);
    expect(next.sent.map(({ items }) => items[0]?.status)).toEqual(['resolved']);
  });

  it('tests a channel past the outbox, and says how it went', async () => {
    const desk = createDesk(rig.courier);
    expect(await desk.test('team', 'socket:alice')).toEqual({ channel: 'team', failure: null });
    expect(rig.sent[0]).toMatchObject({ occasion: 'test', items: [{ status: 'resolved', severity: 'info' }] });
    rig.answer = fails({ failure: 'unauthorized' });
    expect(await desk.test('team', 'socket:alice')).toEqual({ channel: 'team', failure: 'unauthorized' });
    expect(await desk.test('nobody', 'socket:alice')).toBeUndefined();
    rig.courier.notify(DOWN);
    expect(await desk.overview()).toMatchObject({
      channels: [{ name: 'team', kind: 'slack', target: 'x.example', waiting: 0, failure: null }],
      open: [{ kind: 'service-down', subject: 'game', severity: 'critical' }],
    });
  });
});
