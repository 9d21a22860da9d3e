import { join } from 'node:path';
import { ByteRing, type Clock } from '@sallyport/kernel';
import { EventIntake, EventWriter, type IntakeCounts } from '@sallyport/stores';
import type { EventNews, EventOperations, StoredEventsStart, StoreFamily } from './store-messages.ts';

/** Carries events from the rings into the store, for as long as the thread lives. @throws Error when the folder cannot be made. */
export function eventFamily(folder: string, start: StoredEventsStart, clock: Clock): StoreFamily<EventOperations> {
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem);
  };
  const writer = new EventWriter({
    folder: eventFolder(folder),
    clock,
    retentionDays: start.retentionDays,
    quotaBytes: start.quotaBytes,
    onProblem,
  });
  const intake = new EventIntake({
    rings: start.rings.map((ring) => new ByteRing(ring)),
    writer,
    onFailure: (cause) =>
      onProblem(`events cannot be stored: ${cause instanceof Error ? cause.message : String(cause)}`),
    onRecovery: () => onProblem('events are stored again'),
  });
  const tidy = (): void => {
    try {
      writer.tidy();
    } catch (error) {
      onProblem(`old events cannot be removed: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  let restUntilMs = 0;
  const pass = (): void => {
    if (clock.monotonicMs() < restUntilMs) return;
    // Others ask this thread as well: after a batch they have their turn.
    if (intake.pass()) setImmediate(pass);
    else if (intake.isFailing) restUntilMs = clock.monotonicMs() + REST_MS;
  };
  tidy();
  const timers = [setInterval(pass, PASS_MS), setInterval(tidy, TIDY_MS)];
  let told: IntakeCounts = intake.counts();
  return {
    handlers: {
      'events.news': () => {
        const before = told;
        told = intake.counts();
        return newsOf(before, told, problems.splice(0));
      },
    },
    close: () => {
      for (const timer of timers) clearInterval(timer);
      // What the rings hold is bounded, and nothing is written into them any more.
      for (let passes = 0; passes < LAST_PASSES && intake.pass(); passes += 1);
      writer.close();
    },
  };
}

/** Where events lie in the state folder. */
export function eventFolder(folder: string): string {
  return join(folder, 'events');
}

function newsOf(before: IntakeCounts, now: IntakeCounts, problems: readonly string[]): EventNews {
  const since = (counts: readonly number[], earlier: readonly number[]): readonly number[] =>
    counts.map((count, place) => count - (earlier[place] ?? 0));
  return {
    stored: now.stored - before.stored,
    malformed: now.malformed - before.malformed,
    droppedOverflow: since(now.droppedOverflow, before.droppedOverflow),
    droppedQuota: since(now.droppedQuota, before.droppedQuota),
    problems,
  };
}

/** What is not stored yet is lost when the process is killed: well below a quarter of a second. */
const PASS_MS = 100;
const TIDY_MS = 60_000;
/** A disk that is full is not asked all the time: each try opens the file anew, and decisions wait for the same thread. */
const REST_MS = 2_000;
/** More than all rings can hold. */
const LAST_PASSES = 1_000;
/** Between two questions; a disk that fails says the same again and again. */
const PROBLEMS_MAX = 20;
