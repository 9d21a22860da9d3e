import type { LineSinkCounts } from '@sallyport/kernel';
import type { StoreSinkCounts } from '@sallyport/stores';
import { describe, expect, it } from 'vitest';
import { type EventDrop, EventDrops } from '../../src/store/event-drops.ts';
import { EventTally } from '../../src/store/event-tally.ts';

const STORED: StoreSinkCounts = {
  stored: 10,
  malformed: 1,
  droppedOverflow: [3, 2],
  droppedQuota: [5, 0],
  failedBatches: 0,
};
const SUNK: LineSinkCounts = {
  written: 8,
  writtenBytes: 800,
  dropped: [2, 1],
  malformed: 0,
  waiting: 4,
  lagMs: 70,
  isFailing: true,
};

describe('the tally of events', () => {
  it('says what is new since it was last asked, and what waits as it is', () => {
    let [stored, sunk] = [STORED, SUNK];
    let dropped: [number, number] = [1, 0];
    const tally = new EventTally({
      intake: {
        get dropped() {
          return dropped;
        },
      },
      store: { counts: () => stored },
      sinks: [{ name: 'siem', sink: { counts: () => sunk } }],
    });
    expect(tally.news(['one'])).toEqual({
      stored: 10,
      malformed: 1,
      droppedOverflow: [4, 2],
      droppedQuota: [5, 0],
      sinks: [{ name: 'siem', ...SUNK }],
      problems: ['one'],
    });
    stored = { ...STORED, stored: 15, droppedQuota: [5, 7] };
    sunk = { ...SUNK, written: 9, writtenBytes: 900, dropped: [2, 4], waiting: 0, lagMs: 0, isFailing: false };
    dropped = [1, 6];
    expect(tally.news([])).toEqual({
      stored: 5,
      malformed: 0,
      droppedOverflow: [0, 6],
      droppedQuota: [0, 7],
      sinks: [
        {
          name: 'siem',
          written: 1,
          writtenBytes: 100,
          dropped: [0, 3],
          malformed: 0,
          waiting: 0,
          lagMs: 0,
          isFailing: false,
        },
      ],
      problems: [],
    });
  });
});

describe('dropped events', () => {
  it('are summed up by where they were to go, by cause and by class, and told as they come', () => {
    const drops = new EventDrops();
    const told: EventDrop[] = [];
    drops.onDrop((drop) => void told.push(drop));
    const store: EventDrop = { sink: undefined, cause: 'quota', class: 'innocent', events: 3 };
    const sink: EventDrop = { sink: 'store', cause: 'quota', class: 'innocent', events: 4 };
    for (const drop of [store, sink, store, { ...store, events: 0 }]) drops.add(drop);
    expect(drops.all()).toEqual([{ ...store, events: 6 }, sink]);
    expect(told).toEqual([store, sink, store]);
  });
});
