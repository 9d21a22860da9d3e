import { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, integerLeaf, section } from '../leaf.ts';
import { filePath, size } from '../leaves.ts';

/** Where the gateway keeps what must outlive it. */
export interface StateConfig {
  /** Absolute. */
  readonly folder: string;
  /** Undefined: events are only logged. */
  readonly events: StoredEventsConfig | undefined;
}

/** How long events are kept, and how many. */
export interface StoredEventsConfig {
  readonly retentionDays: number;
  readonly quotaBytes: number;
}

/** `state`. Whether the folder can be had is known when the gateway starts: whoever runs `check` may be somebody else. */
export function state(context: ParseContext): z.ZodType<StateConfig | undefined> {
  return section(
    'What outlives the process: bans and allowances, the history of policies, the audit log. Without it they are kept in memory, and a restart forgets them.',
    {
      folder: filePath(
        'A folder on a disk of this machine (no network file system), which is made for its owner alone. It belongs to one gateway.',
        context,
      ),
      events: storedEvents(),
    },
  ).optional();
}

function storedEvents(): z.ZodType<StoredEventsConfig | undefined> {
  const events = section(
    'Every event is kept where `sallyport events` and the console find it, in a file for each day. `false`: events are only logged.',
    {
      retentionDays: integerLeaf('Whole days that are kept beside the present one.', { min: 1, max: 3_650 }).prefault(
        30,
      ),
      quota: size(
        'Room for all of them. Old days make room first; when today alone takes more, exchanges that pass are left out and counted.',
        { min: '16MB', max: '10000GB' },
      ).prefault('10GB'),
    },
  ).transform((raw): StoredEventsConfig => ({ retentionDays: raw.retentionDays, quotaBytes: raw.quota }));
  const off = booleanLeaf('`false`: events are only logged.').transform((isOn, issues): undefined => {
    if (isOn) addIssue(issues, 'is true', { allowed: 'false, or a section', value: 'true' });
    return undefined;
  });
  return z.union([off, events]).prefault({});
}
