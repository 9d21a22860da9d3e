import { readdirSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

export const DAY_MS = 86_400_000;

/** The file of one day, in UTC: events that were received on it, which happened on it or moments before. */
export interface DayFile {
  readonly path: string;
  readonly startMs: number;
}

export function dayFile(folder: string, timeMs: number): DayFile {
  const startMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
  return { path: join(folder, `events-${new Date(startMs).toISOString().slice(0, 10)}.db`), startMs };
}

/** All files of days, the oldest first. @throws Error when the folder cannot be read. */
export function dayFiles(folder: string): readonly DayFile[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const startMs = Date.parse(NAME.exec(name)?.[1] ?? '');
      return Number.isNaN(startMs) ? [] : [{ path: join(folder, name), startMs }];
    })
    .toSorted((one, other) => one.startMs - other.startMs);
}

/** What a file takes on the disk with what SQLite keeps beside it. */
export function bytesOf(path: string): number {
  return COMPANIONS.reduce((sum, suffix) => sum + (statSync(path + suffix, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** Deletes a file that nothing writes any more. Who still reads it reads to its end. */
export function removeDay(path: string): void {
  for (const suffix of COMPANIONS) if (statSync(path + suffix, { throwIfNoEntry: false })) unlinkSync(path + suffix);
}

/** Keeps a damaged file for whoever can save something of it; returns its new name. */
export function moveAside(path: string, nowMs: number): string {
  const aside = `${path}.damaged-${nowMs}`;
  for (const suffix of COMPANIONS) {
    if (statSync(path + suffix, { throwIfNoEntry: false })) renameSync(path + suffix, aside + suffix);
  }
  return aside;
}

const NAME = /^events-(\d{4}-\d\d-\d\d)\.db$/;
const COMPANIONS: readonly string[] = ['', '-wal', '-shm'];
