import type { ByteRing, Event, EventSink, Log } from '@sallyport/kernel';
import type { Level } from 'pino';
import { eventLevel, eventLine } from './event-line.ts';
import { pinoOn } from './pino-sink.ts';

/**
 * The log of a worker: lines go into a ring in shared memory, from which another thread writes them. Nothing here waits: what
 * finds no room is dropped and counted, lines about requests that passed first.
 */
export function openRing(ring: ByteRing, level: Level): { readonly log: Log; readonly sink: EventSink } {
  const { log, isEnabled } = pinoOn({ write: (line: string) => void ring.write(line, KEPT) }, level);
  const emit = (event: Event): void => {
    const importance = eventLevel(event);
    if (isEnabled(importance)) ring.write(eventLine(event), importance === 'info' ? INNOCENT : KEPT);
  };
  return { log, sink: { emit } };
}

/** Classes of lines in a ring. The share of the ring that lines about what passed may fill leaves room for all others. */
export const RING_SHARES: readonly number[] = [0.75, 1];
const INNOCENT = 0;
const KEPT = 1;
