import { BoundedMap, type Clock, type DeliveryFailure } from '@sallyport/kernel';
import { post } from '../channels/post.ts';
import { envelopeOf, type ReportOrigin, type ScrubbedReport } from './envelope.ts';
import { framesOf } from './frames.ts';
import { pauseAfter } from './rate-limits.ts';
import { scrubMessage, scrubName } from './scrub.ts';

/** An error as it was thrown, or what is known of it. Nothing of it leaves the house unscrubbed. */
export interface ErrorReport {
  readonly level: 'error' | 'fatal';
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
}

/**
 * Why a report was not sent. `repeated`: the same error was sent within the hour. `rate`: too many in this minute. `full`: too
 * many wait. `limited`: the receiver wants a pause. `failed`: it has not taken it.
 */
export const REPORT_DROPS = ['repeated', 'rate', 'full', 'limited', 'failed'] as const;
export type ReportDrop = (typeof REPORT_DROPS)[number];

export interface ErrorReporterOptions extends ReportOrigin {
  readonly endpoint: string;
  readonly key: string;
  readonly version: string;
  /** Absolute, with a slash at the end: where files of ours are. */
  readonly folders: readonly string[];
  readonly clock: Clock;
  /** 32 hexadecimal digits, never the same. */
  readonly newId: () => string;
  readonly onSent: () => void;
  readonly onDropped: (cause: ReportDrop) => void;
  /** The receiver has begun not to take reports. */
  readonly onFailing: (failure: DeliveryFailure) => void;
}

/**
 * Reports errors to a server that understands Sentry envelopes, one after the other. It never throws and nothing waits for it: an
 * attacker who finds an input that fails must not make the gateway busy with telling of it.
 */
export class ErrorReporter {
  readonly #options: ErrorReporterOptions;
  readonly #known = new BoundedMap<string, Known>({ entriesMax: FINGERPRINTS_MAX });
  #queue: ScrubbedReport[] = [];
  #sending: Promise<void> | undefined;
  #minute = { startMs: Number.NEGATIVE_INFINITY, reports: 0 };
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;

  constructor(options: ErrorReporterOptions) {
    this.#options = options;
  }

  report(error: ErrorReport): void {
    try {
      const drop = this.#admit(error);
      if (drop !== undefined) this.#options.onDropped(drop);
    } catch {
      // Whoever reports has caught the last error that could be caught: one more would end the process.
      this.#options.onDropped('failed');
    }
  }

  /** Resolves when what waits is sent, or after a short while: a receiver that does not answer must not keep a gateway that stops. */
  async close(): Promise<void> {
    let late: NodeJS.Timeout | undefined;
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, CLOSE_MS_MAX);
    });
    await Promise.race([this.#sending, limit]);
    clearTimeout(late);
    for (const _ of this.#queue.splice(0)) this.#options.onDropped('failed');
  }

  #admit({ level, name, message, stack = '' }: ErrorReport): ReportDrop | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    const type = scrubName(name);
    const frames = framesOf(stack, {
      head: message === '' ? name : `${name}: ${message}`,
      folders: this.#options.folders,
    });
    const top = frames[0];
    const fingerprint = top === undefined ? type : `${type} ${top.filename}:${top.lineno}:${top.colno}`;
    const known = this.#known.touch(fingerprint);
    if (known !== undefined && nowMs - known.sentMs < REPEAT_MS) {
      known.repeated += 1;
      return 'repeated';
    }
    if (nowMs < this.#pausedUntilMs) return 'limited';
    if (nowMs - this.#minute.startMs >= 60_000) this.#minute = { startMs: nowMs, reports: 0 };
    if (this.#minute.reports >= MINUTE_REPORTS_MAX) return 'rate';
    if (this.#queue.length >= QUEUE_REPORTS_MAX) return 'full';
    this.#minute.reports += 1;
    this.#known.set(fingerprint, { sentMs: nowMs, repeated: 0 });
    this.#queue.push({ level, type, value: scrubMessage(message), frames, repeated: known?.repeated ?? 0 });
    this.#sending ??= this.#sendAll();
    return undefined;
  }

  async #sendAll(): Promise<void> {
    for (let report = this.#queue.shift(); report !== undefined; report = this.#queue.shift()) {
      const { clock, onDropped } = this.#options;
      if (clock.monotonicMs() < this.#pausedUntilMs) onDropped('limited');
      else await this.#send(report).catch(() => onDropped('failed'));
    }
    this.#sending = undefined;
  }

  async #send(report: ScrubbedReport): Promise<void> {
    const { endpoint, key, version, clock, newId, onSent, onDropped, onFailing } = this.#options;
    const nowMs = clock.wallMs();
    const { delivery, status, header } = await post({
      url: new URL(endpoint),
      headers: {
        'content-type': 'application/x-sentry-envelope',
        'x-sentry-auth': `Sentry sentry_version=7, sentry_client=sallyport/${version}, sentry_key=${key}`,
      },
      body: envelopeOf(report, { origin: this.#options, eventId: newId(), nowMs }),
      timeoutMs: SEND_MS_MAX,
      nowMs,
    });
    const retryAfterMs = delivery.kind === 'failed' ? delivery.retryAfterMs : undefined;
    const pauseMs = pauseAfter({ status, limits: header('x-sentry-rate-limits'), retryAfterMs });
    if (pauseMs > 0) this.#pausedUntilMs = clock.monotonicMs() + pauseMs;
    if (delivery.kind === 'sent') {
      this.#isFailing = false;
      return onSent();
    }
    onDropped(delivery.failure === 'limited' ? 'limited' : 'failed');
    if (!this.#isFailing) onFailing(delivery.failure);
    this.#isFailing = true;
  }
}

interface Known {
  readonly sentMs: number;
  repeated: number;
}

/** Errors that are told apart: kinds times places in our code, of which few throw. */
const FINGERPRINTS_MAX = 500;

/** The same error is reported once an hour, with how often it was. */
const REPEAT_MS = 3_600_000;

/** In any minute that begins with a report. */
const MINUTE_REPORTS_MAX = 20;

const QUEUE_REPORTS_MAX = 30;

const SEND_MS_MAX = 5_000;

/** For what is under way when the gateway stops. */
const CLOSE_MS_MAX = 2_000;
