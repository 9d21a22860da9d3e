import { MetricsRegistry, type NotificationsConfig } from '@sallyport/kernel';
import { MemoryOutbox } from '@sallyport/stores';
import { describe, expect, it } from 'vitest';
import { attackLevelChanged, watchForAttacks } from '../../src/notifications/attack-watch.ts';
import { courierMetrics } from '../../src/notifications/courier-metrics.ts';
import { watchDrops } from '../../src/notifications/drop-watch.ts';
import { createNotifier } from '../../src/notifications/notifier.ts';
import { EventDrops } from '../../src/store/event-drops.ts';
import { Counts, logOf, moveTimers, told } from './rig.ts';

const THRESHOLDS = { refusedMin: 100, shareMin: 0.5, timesUsual: 3 };

describe('the watch for attacks', () => {
  const { clock, pass } = moveTimers();

  it('tells when refusals are many, most, and far more than usual, with their numbers, and when they are over', async () => {
    const { notices, sink } = told();
    const counts = new Counts();
    const stop = watchForAttacks({
      thresholds: THRESHOLDS,
      notices: sink,
      node: 'gate-1',
      clock,
      log: logOf([]),
      counts: () => Promise.resolve(counts.snapshot()),
    });
    await pass(5_000);
    expect(notices.map(({ status }) => status)).toEqual(['resolved']);
    // Exchanges and connections that were refused before one count alike.
    counts.exchanges(50, 60);
    counts.connections(40);
    await pass(5_000);
    expect(notices.at(-1)).toMatchObject({
      kind: 'under-attack',
      subject: 'gate-1',
      status: 'firing',
      severity: 'critical',
      summary: 'gate-1 refuses far more than usual: 100 in the last minute, 67 % of all',
      facts: { refused: '100', share: '67 %' },
    });
    await pass(370_000);
    expect(notices.at(-1)).toMatchObject({ status: 'resolved', summary: 'gate-1 no longer refuses more than usual' });
    stop();
    const before = notices.length;
    await pass(20_000);
    expect(notices.length).toBe(before);
  });

  it('says nothing while it is not known, and logs that', async () => {
    const { notices, sink } = told();
    const lines: string[] = [];
    const stop = watchForAttacks({
      thresholds: THRESHOLDS,
      notices: sink,
      node: 'gate-1',
      clock,
      log: logOf(lines),
      counts: () => Promise.reject(new Error('worker 0 did not answer')),
    });
    await pass(5_000);
    expect([notices, lines]).toEqual([[], ['it is not known whether the gateway is under attack']]);
    stop();
  });

  it.each([
    [2, 'firing', 'an administrator has set the attack level of gate-1 to 2'],
    [0, 'resolved', 'the attack level of gate-1 is 0 again'],
  ])('tells of the attack level %d', (level, status, summary) => {
    const { notices, sink } = told();
    attackLevelChanged(level, { notices: sink, node: 'gate-1', clock });
    expect(notices).toMatchObject([{ kind: 'under-attack', subject: 'gate-1: attack level', status, summary }]);
  });

  it.each<[string, Partial<NotificationsConfig>, number]>([
    ['no channel is configured', { channels: [], routes: [] }, 0],
    ['attacks go to no channel', { routes: [routeOf(['service-down'])] }, 0],
    ['attacks go to a channel', { routes: [routeOf(['service-down']), routeOf(['under-attack'])] }, 2],
    ['everything goes to a channel', { routes: [routeOf([])] }, 2],
  ])('asks workers for their numbers only where somebody is told: %s', async (_, config, asked) => {
    let times = 0;
    const notifications = { channels: [CHANNEL], routes: [], attack: THRESHOLDS, ...config };
    const basis = { node: 'gate-1', clock, log: logOf([]), registry: new MetricsRegistry() };
    const notifier = createNotifier({ notifications }, { ...basis, outbox: new MemoryOutbox() });
    const counts = (): Promise<[]> => {
      times += 1;
      return Promise.resolve([]);
    };
    await notifier.start({ counts, drops: new EventDrops() });
    await pass(10_000);
    await notifier.stop();
    expect(times).toBe(asked);
  });
});

const CHANNEL = {
  kind: 'slack',
  name: 'ops',
  url: 'http://127.0.0.1:9/',
  isResolvedSent: true,
  hourlyMax: 20,
} as const;

function routeOf(kinds: NotificationsConfig['routes'][number]['kinds']): NotificationsConfig['routes'][number] {
  return { kinds, severityMin: 'info', channels: ['ops'], waitMs: 1_000, intervalMs: 60_000, repeatMs: 3_600_000 };
}

describe('the watch for dropped events (R0.16)', () => {
  const { clock, pass } = moveTimers();

  it('tells of each place and class with what was dropped so far, and after five calm minutes that it is over', async () => {
    const { notices, sink } = told();
    const drops = new EventDrops();
    watchDrops(drops, { notices: sink, clock });
    drops.add({ sink: undefined, cause: 'overflow', class: 'innocent', events: 5 });
    drops.add({ sink: undefined, cause: 'quota', class: 'innocent', events: 2 });
    drops.add({ sink: 'siem', cause: 'overflow', class: 'evidence', events: 1 });
    expect(notices.map(({ subject, severity, facts }) => [subject, severity, facts])).toEqual([
      ['innocent events for the store', 'warning', { events: '5', cause: 'overflow' }],
      ['innocent events for the store', 'warning', { events: '7', cause: 'quota' }],
      ['evidence events for the sink siem', 'critical', { events: '1', cause: 'overflow' }],
    ]);
    await pass(240_000);
    drops.add({ sink: 'siem', cause: 'overflow', class: 'evidence', events: 3 });
    notices.length = 0;
    await pass(90_000);
    expect(notices.map(({ summary, status }) => [summary, status])).toEqual([
      ['innocent events for the store are no longer dropped; 7 were', 'resolved'],
    ]);
    await pass(240_000);
    expect(notices.at(-1)?.summary).toBe('evidence events for the sink siem are no longer dropped; 4 were');
  });
});

describe('numbers of notifications (R4.12)', () => {
  const { clock } = moveTimers();

  it('count by channel and why, and show what waits for channels that are configured', () => {
    const registry = new MetricsRegistry();
    const metrics = courierMetrics(registry, ['ops', 'mail'], clock);
    metrics.sent('ops');
    metrics.failed('mail', 'timeout');
    metrics.dropped('full', 3);
    metrics.waiting({
      channels: [{ channel: 'mail', waiting: 4, oldestMs: clock.wallMs() - 90_000, failure: undefined }],
      dead: [],
    });
    const shown = new Map(
      registry
        .snapshot()
        .flatMap(({ name, series }) => series.map(({ labels, values }) => [`${name}{${labels}}`, values[0]])),
    );
    expect(Object.fromEntries(shown)).toMatchObject({
      'sallyport_notifications_sent_total{channel="ops"}': 1,
      'sallyport_notifications_sent_total{channel="mail"}': 0,
      'sallyport_notifications_failed_total{channel="mail",failure="timeout"}': 1,
      'sallyport_notifications_dropped_total{cause="full"}': 3,
      'sallyport_notifications_waiting{channel="mail"}': 4,
      'sallyport_notifications_waiting{channel="ops"}': 0,
      'sallyport_notifications_oldest_seconds{channel="mail"}': 90,
      'sallyport_notifications_oldest_seconds{channel="ops"}': 0,
    });
  });
});
