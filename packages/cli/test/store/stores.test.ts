import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemEmitter } from '@sallyport/gateway';
import { type Event, type Log, ManualClock, MetricsRegistry } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlMetrics } from '../../src/plane/control-metrics.ts';
import { openEventRings, withStore } from '../../src/store/event-rings.ts';
import { Stores } from '../../src/store/stores.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-stores-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Rig {
  readonly stores: Stores;
  readonly emitter: SystemEmitter;
  /** What the log has: events, and lines about the process. */
  readonly events: Event[];
  readonly lines: string[];
}

async function rig(): Promise<Rig> {
  const config = {
    state: { folder, events: { retentionDays: 2, quotaBytes: 1e9 } },
    events: { sinks: [] },
  };
  const clock = new ManualClock();
  const rings = openEventRings(config, 1);
  const events: Event[] = [];
  const lines: string[] = [];
  const sink = withStore({ emit: (event) => void events.push(event) }, rings);
  const emitter = new SystemEmitter({ node: 'n1', sink, clock });
  const note = (message: string, fields: object = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: note, warn: note, error: note };
  const metrics = controlMetrics(new MetricsRegistry());
  return { stores: await Stores.open(config, { clock, log, emitter, metrics, rings }), emitter, events, lines };
}

/** What was said of the end. */
function told({ events }: Rig): readonly string[] {
  return events.flatMap((event) => (event.kind === 'system' && event.what === 'events-dropped' ? [event.detail] : []));
}

describe('events at the end of the process', () => {
  it('are stored, and nothing is said', async () => {
    const served = await rig();
    served.emitter.system('attack-level', '1');
    await served.stores.close();
    expect(told(served)).toEqual([]);
  });

  it('that cannot be stored are counted, logged and told as an event (R0.16)', async () => {
    // Where the files of these days should be there are folders: nothing can be opened there.
    for (const days of [-1, 0, 1]) {
      const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
      mkdirSync(join(folder, 'events', `events-${day}.db`), { recursive: true });
    }
    const served = await rig();
    for (let index = 0; index < 5; index += 1) served.emitter.system('attack-level', String(index));
    await served.stores.close();
    expect(served.stores.drops.all()).toEqual([{ sink: undefined, cause: 'overflow', class: 'evidence', events: 5 }]);
    expect(told(served)).toEqual(['at the end: 5 events (evidence) for the store, overflow']);
    expect(served.lines.filter((line) => line.startsWith('events were dropped at the end'))).toEqual([
      'events were dropped at the end {"what":"5 events (evidence) for the store, overflow"}',
    ]);
  });

  it('that a lost store thread has left behind are told as well (R0.16)', async () => {
    const served = await rig();
    await served.stores.thread?.close();
    served.emitter.system('attack-level', '3');
    await served.stores.close();
    expect(told(served)).toEqual(['at the end: 1 events (evidence) for the store, overflow']);
  });
});
