import type { Frame } from './frames.ts';

/** What is the same in every report of a process. */
export interface ReportOrigin {
  readonly release: string;
  readonly environment: string;
  readonly serverName: string;
}

/** One error, as it may leave the house. */
export interface ScrubbedReport {
  readonly level: 'error' | 'fatal';
  readonly type: string;
  readonly value: string;
  /** The innermost first. */
  readonly frames: readonly Frame[];
  /** How often it has happened since it was reported last. */
  readonly repeated: number;
}

/**
 * An envelope with one event (https://develop.sentry.dev/sdk/data-model/envelopes/). There is no field for a user, a request or
 * what happened before, so none of that can be in it. `eventId`: 32 hexadecimal digits.
 */
export function envelopeOf(
  report: ScrubbedReport,
  { origin, eventId, nowMs }: { readonly origin: ReportOrigin; readonly eventId: string; readonly nowMs: number },
): string {
  const { type, value, frames } = report;
  const event = {
    event_id: eventId,
    timestamp: nowMs / 1_000,
    platform: 'node',
    level: report.level,
    release: origin.release,
    environment: origin.environment,
    server_name: origin.serverName,
    exception: {
      values: [
        // Sentry wants the innermost frame last.
        { type, value, ...(frames.length === 0 ? {} : { stacktrace: { frames: frames.toReversed() } }) },
      ],
    },
    ...(report.repeated === 0 ? {} : { extra: { repeated: report.repeated } }),
  };
  const header = { event_id: eventId, sent_at: new Date(nowMs).toISOString() };
  return `${JSON.stringify(header)}\n{"type":"event"}\n${JSON.stringify(event)}\n`;
}
