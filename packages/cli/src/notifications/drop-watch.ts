import type { Clock, NoticeSink } from '@sallyport/kernel';
import type { EventDrop, EventDrops } from '../store/event-drops.ts';

/**
 * Says when events do not get where they should, and that it has stopped when none was dropped for five minutes.
 */
export function watchDrops(
  drops: EventDrops,
  { notices, clock }: { readonly notices: NoticeSink; readonly clock: Clock },
): void {
  const lasting = new Map<string, Lasting>();
  drops.onDrop((drop) => {
    const subject = `${drop.class} events for ${drop.sink === undefined ? 'the store' : `the sink ${drop.sink}`}`;
    const events = drop.events + (lasting.get(subject)?.events ?? 0);
    lasting.set(subject, { events, lastMs: clock.monotonicMs() });
    notices.notify({
      kind: 'events-dropped',
      subject,
      status: 'firing',
      severity: drop.class === 'evidence' ? 'critical' : 'warning',
      summary: `${subject} are dropped: ${WHY[drop.cause]}`,
      facts: { events: String(events), cause: drop.cause },
      timeMs: clock.wallMs(),
    });
  });
  const timer = setInterval(() => {
    for (const [subject, { events, lastMs }] of lasting) {
      if (clock.monotonicMs() - lastMs < CALM_MS) continue;
      lasting.delete(subject);
      notices.notify({
        kind: 'events-dropped',
        subject,
        status: 'resolved',
        severity: 'info',
        summary: `${subject} are no longer dropped; ${events} were`,
        facts: { events: String(events) },
        timeMs: clock.wallMs(),
      });
    }
  }, LOOK_MS);
  timer.unref();
}

interface Lasting {
  readonly events: number;
  readonly lastMs: number;
}

const WHY: Readonly<Record<EventDrop['cause'], string>> = {
  overflow: 'it does not keep up, or cannot be had',
  quota: 'its room is used up',
  malformed: 'they were malformed, which is a bug',
};

const CALM_MS = 300_000;
const LOOK_MS = 30_000;
