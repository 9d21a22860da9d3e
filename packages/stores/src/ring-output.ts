import type { ByteRing, Event, EventSink, Log } from '@sallyport/kernel';
import type { Level } from 'pino';
import { eventLevel, eventLine } from './event-line.ts';
import { pinoOn } from './pino-sink.ts';

/**
 * The log of a worker: lines go into a ring in shared memory, from which another thread writes them. Nothing here waits: what
 * finds no room is dropped and counted, lines about requests that passed first. `events`: a second ring, for the store, which
 * gets every event whatever is logged.
 */
export function openRing(
  ring: ByteRing,
  level: Level,
  events?: ByteRing,
): { readonly log: Log; readonly sink: EventSink } {
  const { log, isEnabled } = pinoOn({ write: (line: string) => void ring.write(line, KEPT) }, level);
  const emit = (event: Event): void => {
    const importance = eventLevel(event);
    const isLogged = isEnabled(importance);
    if (!isLogged && events === undefined) return;
    // One line for both: making it costs more than writing it twice.
    const line = eventLine(event);
    if (isLogged) ring.write(line, importance === 'info' ? INNOCENT : KEPT);
    events?.write(line, isInnocent(event) ? INNOCENT : KEPT);
  };
  return { log, sink: { emit } };
}

/** A sink that writes into the ring of the store alone. */
export function ringSink(ring: ByteRing): EventSink {
  return { emit: (event) => void ring.write(eventLine(event), isInnocent(event) ? INNOCENT : KEPT) };
}

/** What may be missing from the store when there is too much of it: whoever looks for it later looks for something else. */
function isInnocent(event: Event): boolean {
  if (event.kind === 'connection') return event.reason === '';
  return event.kind === 'exchange' && eventLevel(event) === 'info';
}

/** Classes of lines in a ring. The share of the ring that lines about what passed may fill leaves room for all others. */
export const RING_SHARES: readonly number[] = [0.75, 1];
const INNOCENT = 0;
const KEPT = 1;
