import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventReader } from '../../src/events/event-reader.ts';
import { EventWriter } from '../../src/events/event-writer.ts';
import { runEventStoreContract } from '../event-store-contract.ts';

let folder: string | undefined;

/** Small segments: most events are in one, and some are not yet. */
const SEGMENT_EVENTS = 90;

runEventStoreContract('columns in SQLite', {
  open: ({ clock, retentionDays, quotaBytes }) => {
    folder ??= mkdtempSync(join(tmpdir(), 'sallyport-event-contract-'));
    const limits = { retentionDays, quotaBytes, segmentEvents: SEGMENT_EVENTS };
    const writer = new EventWriter({ folder, clock, ...limits, onProblem: () => undefined });
    return { writer, reader: new EventReader({ folder, clock }) };
  },
  close: () => {
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folder = undefined;
  },
});
