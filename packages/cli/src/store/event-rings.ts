import type { SallyportConfig } from '@sallyport/control';
import { ByteRing, type EventSink } from '@sallyport/kernel';
import { RING_SHARES, ringSink } from '@sallyport/stores/log';

/** The ways of events to the store thread, for the store and for sinks; without any, events are only logged. */
export interface EventRings {
  /** One for each worker. It outlives the worker, and the one that comes in its place goes on with it. */
  readonly workers: readonly ByteRing[];
  /** Of the control plane. */
  readonly own: ByteRing | undefined;
}

export function openEventRings(
  { state, events }: Pick<SallyportConfig, 'state' | 'events'>,
  workers: number,
): EventRings {
  if (state?.events === undefined && events.sinks.length === 0) return { workers: [], own: undefined };
  const ring = (bytes: number): ByteRing => new ByteRing(ByteRing.allocate({ bytes, shares: RING_SHARES }));
  return { workers: Array.from({ length: workers }, () => ring(WORKER_RING_BYTES)), own: ring(OWN_RING_BYTES) };
}

/** What the control plane emits goes into the log and to the store thread. */
export function withStore(log: EventSink, { own }: EventRings): EventSink {
  if (own === undefined) return log;
  const store = ringSink(own);
  return {
    emit: (event) => {
      log.emit(event);
      store.emit(event);
    },
  };
}

/** Takes out what nobody has taken, once nobody will: by class, innocent ones first. */
export function leftInRings({ workers, own }: EventRings): readonly [innocent: number, evidence: number] {
  const left: [number, number] = [0, 0];
  for (const ring of own === undefined ? workers : [...workers, own]) {
    ring.drain((_memory, _start, _end, recordClass) => {
      left[recordClass === 0 ? 0 : 1] += 1;
    });
    left[0] += ring.takeDropped(0);
    left[1] += ring.takeDropped(1);
  }
  return left;
}

/** Twenty thousand lines of an attack while the store is busy with a segment. */
const WORKER_RING_BYTES = 8_388_608;
const OWN_RING_BYTES = 262_144;
