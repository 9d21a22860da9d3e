import type { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { section } from '../leaf.ts';
import { filePath } from '../leaves.ts';

/** Where the gateway keeps what must outlive it. */
export interface StateConfig {
  /** Absolute. */
  readonly folder: string;
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
    },
  ).optional();
}
