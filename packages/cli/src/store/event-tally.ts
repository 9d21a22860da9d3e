import type { LineSink } from '@sallyport/kernel';
import type { EventIntake, StoreSink } from '@sallyport/stores';
import type { EventNews, SinkNews } from './store-messages.ts';

export interface EventTallyOptions {
  readonly intake: Pick<EventIntake, 'dropped'>;
  readonly store: Pick<StoreSink, 'counts'> | undefined;
  readonly sinks: readonly { readonly name: string; readonly sink: Pick<LineSink, 'counts'> }[];
}

/** Says what has become of events since it last did: counters go on in another thread, and outlive this one. */
export class EventTally {
  readonly #options: EventTallyOptions;
  #told: Omit<EventNews, 'problems'> = NOTHING;

  constructor(options: EventTallyOptions) {
    this.#options = options;
  }

  news(problems: readonly string[]): EventNews {
    const before = this.#told;
    const now = this.#now();
    this.#told = now;
    return {
      stored: now.stored - before.stored,
      malformed: now.malformed - before.malformed,
      droppedOverflow: less(now.droppedOverflow, before.droppedOverflow),
      droppedQuota: less(now.droppedQuota, before.droppedQuota),
      sinks: now.sinks.map((sink, place) => sinkSince(sink, before.sinks[place])),
      problems,
    };
  }

  #now(): Omit<EventNews, 'problems'> {
    const { intake, store, sinks } = this.#options;
    const stored = store?.counts();
    const [innocent, evidence] = intake.dropped;
    const [waitedInnocent, waitedEvidence] = stored?.droppedOverflow ?? [0, 0];
    return {
      stored: stored?.stored ?? 0,
      malformed: stored?.malformed ?? 0,
      droppedOverflow: [innocent + waitedInnocent, evidence + waitedEvidence],
      droppedQuota: stored?.droppedQuota ?? [0, 0],
      sinks: sinks.map(({ name, sink }) => ({ name, ...sink.counts() })),
    };
  }
}

const NOTHING: Omit<EventNews, 'problems'> = {
  stored: 0,
  malformed: 0,
  droppedOverflow: [0, 0],
  droppedQuota: [0, 0],
  sinks: [],
};

function sinkSince(now: SinkNews, before: SinkNews | undefined): SinkNews {
  if (before === undefined) return now;
  return {
    ...now,
    written: now.written - before.written,
    writtenBytes: now.writtenBytes - before.writtenBytes,
    dropped: [now.dropped[0] - before.dropped[0], now.dropped[1] - before.dropped[1]],
    malformed: now.malformed - before.malformed,
  };
}

function less(counts: readonly number[], earlier: readonly number[]): readonly number[] {
  return counts.map((count, place) => count - (earlier[place] ?? 0));
}
