import type { Clock } from '@sallyport/kernel';
import { DayReader, type Found, type Part, type Span } from './day-reader.ts';
import { DAY_MS, type DayFile, dayFiles } from './event-files.ts';
import type {
  Gaps,
  OverviewAnswer,
  OverviewRequest,
  SearchAnswer,
  SearchRequest,
  TopAnswer,
  TopRequest,
} from './event-query.ts';
import type { StoredEvent } from './flat-fields.ts';
import { LongRollups } from './long-rollups.ts';
import { compareMoments, type Moment } from './moment-order.ts';
import { Overview } from './overview.ts';
import { HOUR_MS } from './rollup.ts';
import { Tally } from './tally.ts';

export interface EventReaderOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Longest time of one question in milliseconds; then the answer says what is missing. */
  readonly answerMsMax?: number;
}

/**
 * Answers questions about stored events, while another thread or process stores more of them. Days are looked through from
 * the last one back. What cannot be read is named in the answer; the rest is answered.
 */
export class EventReader {
  readonly #options: EventReaderOptions;

  constructor(options: EventReaderOptions) {
    this.#options = options;
  }

  search({ query, fromMs, untilMs, limit, before }: SearchRequest): SearchAnswer {
    const visit = this.#visit({ fromMs, toMs: Math.min(untilMs - 1, before?.timeMs ?? untilMs) });
    let best: Found[] = [];
    const whole = new Map<Found, StoredEvent>();
    visit.each(
      (part, span) => {
        const found = part.matches(query, span);
        const wanted = before === undefined ? found : found.filter(({ moment }) => compareMoments(moment, before) < 0);
        best = [...best, ...wanted].toSorted((one, other) => compareMoments(other.moment, one.moment)).slice(0, limit);
        const last = best.length < limit ? undefined : best.at(-1);
        return last === undefined ? undefined : last.moment.timeMs;
      },
      // Only now it is known which of a file's rows are wanted, and later the file is closed.
      () => readWhole(best, whole),
    );
    const events = best.flatMap((found) => whole.get(found) ?? NO_EVENTS);
    const next: Moment | undefined = best.length < limit ? undefined : best.at(-1)?.moment;
    return { events, next, gaps: visit.gaps };
  }

  top({ query, fromMs, untilMs, field, limit }: TopRequest): TopAnswer {
    const visit = this.#visit({ fromMs, toMs: untilMs - 1 });
    const tally = new Tally();
    visit.each(
      (part, span) => {
        part.count({ query, span, field }, tally);
        return undefined;
      },
      // Texts of a file are in memory as long as it is open.
      () => tally.fold(),
    );
    return { ...tally.answer(limit), gaps: visit.gaps };
  }

  overview({ fromMs, untilMs }: OverviewRequest): OverviewAnswer {
    const span = { fromMs, toMs: untilMs - 1 };
    const visit = this.#visit(span);
    const overview = new Overview(span);
    visit.files((reader) => {
      for (const { grainMs, span: piece } of overview.pieces) {
        for (const row of reader.rollups(grainMs, piece)) overview.add(row);
      }
    });
    visit.reading('hours of days that were deleted', () => this.#addDeletedDays(overview));
    return { ...overview.answer(), gaps: visit.gaps };
  }

  /** What is left of them is whole hours: those that a time cuts at its ends are not counted. */
  #addDeletedDays(overview: Overview): void {
    const { folder } = this.#options;
    const counts = LongRollups.forReading(folder);
    if (counts === undefined) return;
    try {
      const files = dayFiles(folder);
      const hours = overview.pieces.filter(({ grainMs }) => grainMs === HOUR_MS);
      for (const { span } of hours) for (const row of counts.rows(span, files)) overview.add(row);
    } finally {
      counts.close();
    }
  }

  #visit(span: Span): Visit {
    const { folder, clock, answerMsMax = ANSWER_MS_MAX } = this.#options;
    const files = dayFiles(folder).filter(
      // An event is received when it has happened, and soon after.
      ({ startMs }) => startMs + DAY_MS > span.fromMs && startMs - LATE_MS <= span.toMs,
    );
    return new Visit(files.toReversed(), span, { clock, endMs: clock.monotonicMs() + answerMsMax });
  }
}

interface OpenDay {
  readonly reader: DayReader;
  parts: readonly Part[];
}

/** One way through the files of some days. */
class Visit {
  readonly #files: readonly DayFile[];
  readonly #span: Span;
  readonly #limit: { readonly clock: Clock; readonly endMs: number };
  readonly #unreadable: string[] = [];
  #outOfTimeBeforeMs: number | undefined;

  constructor(files: readonly DayFile[], span: Span, limit: { readonly clock: Clock; readonly endMs: number }) {
    this.#files = files;
    this.#span = span;
    this.#limit = limit;
  }

  get gaps(): Gaps {
    return { unreadable: this.#unreadable, outOfTimeBeforeMs: this.#outOfTimeBeforeMs };
  }

  /**
   * Shows the parts with events in the time, the last ones first. `onPart` says from when on everything older is of no interest,
   * as soon as it knows. `onLeave` comes before files are closed whose parts have all been shown: a question about years must not
   * keep a descriptor, and a log that cannot be cut, for each of their days.
   */
  each(onPart: (part: Part, span: Span) => number | undefined, onLeave: () => void = () => undefined): void {
    let open: OpenDay[] = [];
    const leave = (left: readonly OpenDay[]): void => {
      onLeave();
      for (const { reader } of left) reader.close();
      open = open.filter((day) => !left.includes(day));
    };
    try {
      const parts: Part[] = [];
      let enoughFromMs: number | undefined;
      for (const file of [...this.#files, undefined]) {
        // What is in older files happened before this one's day, but for events that were late.
        const laterMs = file === undefined ? Number.NEGATIVE_INFINITY : file.startMs + DAY_MS;
        enoughFromMs = this.#take(parts, { laterMs, enoughFromMs, onPart });
        const left = open.filter((day) => !day.parts.some((part) => parts.includes(part)));
        if (left.length > 0) leave(left);
        const isEnough = (enoughFromMs ?? Number.NEGATIVE_INFINITY) > laterMs;
        if (file === undefined || this.#outOfTimeBeforeMs !== undefined || isEnough) break;
        this.reading(file.path, () => {
          const reader = new DayReader(file.path);
          const day: OpenDay = { reader, parts: [] };
          open.push(day);
          day.parts = reader.parts(this.#span);
          parts.push(...day.parts);
          parts.sort((one, other) => other.toMs - one.toMs);
        });
      }
      onLeave();
    } finally {
      for (const { reader } of open) reader.close();
    }
  }

  /** Shows the files one by one. */
  files(onFile: (reader: DayReader) => void): void {
    for (const { path } of this.#files) {
      this.reading(path, () => {
        const reader = new DayReader(path);
        try {
          onFile(reader);
        } finally {
          reader.close();
        }
      });
    }
  }

  /** Shows the parts that end later than anything which is not open yet. */
  #take(
    parts: Part[],
    {
      laterMs,
      enoughFromMs,
      onPart,
    }: { laterMs: number; enoughFromMs: number | undefined; onPart: (part: Part, span: Span) => number | undefined },
  ): number | undefined {
    let enough = enoughFromMs;
    for (let part = parts[0]; part !== undefined && part.toMs > laterMs; part = parts[0]) {
      if (enough !== undefined && part.toMs < enough) break;
      if (this.#limit.clock.monotonicMs() > this.#limit.endMs) {
        this.#outOfTimeBeforeMs = part.toMs;
        break;
      }
      parts.shift();
      const shown = part;
      this.reading(`events from ${new Date(part.fromMs).toISOString()} to ${new Date(part.toMs).toISOString()}`, () => {
        enough = onPart(shown, this.#span);
      });
    }
    return enough;
  }

  /** What cannot be read is named, and the rest is answered. */
  reading(what: string, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (this.#unreadable.length < UNREADABLE_MAX) {
        this.#unreadable.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Reads what was found and is not read yet; rows of one part together. */
function readWhole(found: readonly Found[], whole: Map<Found, StoredEvent>): void {
  const unread = found.filter((one) => !whole.has(one));
  for (const [part, ofPart] of Map.groupBy(unread, (one) => one.part)) {
    const events = part.eventsAt(ofPart.map(({ row }) => row));
    for (const [index, one] of ofPart.entries()) {
      const event = events[index];
      if (event !== undefined) whole.set(one, event);
    }
  }
}

const NO_EVENTS: readonly StoredEvent[] = [];

/** A question about a month of many events; nobody waits longer for an answer. */
const ANSWER_MS_MAX = 10_000;
/** How long an event may be on its way: a store that could not write for as long still finds what it wrote. */
const LATE_MS = DAY_MS;
/** One damaged disk needs no list of thousands. */
const UNREADABLE_MAX = 20;
