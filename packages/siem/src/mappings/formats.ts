import type { EventRecord } from '../record.ts';
import { toEcs } from './ecs.ts';
import { toOcsf } from './ocsf.ts';

/** The forms in which events leave the gateway. `sallyport`: the line of the log as it is. */
export const EVENT_FORMATS = ['sallyport', 'ecs', 'ocsf'] as const;

export type EventFormat = (typeof EVENT_FORMATS)[number];

/** What makes a record of that form; undefined when it is one already. */
export function formatterOf(format: EventFormat): ((record: EventRecord) => unknown) | undefined {
  switch (format) {
    case 'sallyport':
      return undefined;
    case 'ecs':
      return toEcs;
    case 'ocsf':
      return toOcsf;
  }
}
