import type { ServiceChange, ServiceResult, StoredService } from '@sallyport/kernel';
import { type CertificateNews, type CertificateState, nextCertificate } from './certificate-watch.ts';
import type { Probe, ProbeResult } from './probe.ts';
import type { ServiceConfig } from './service.ts';
import { type Mark, ServiceHistory } from './service-history.ts';
import { afterCheck, FLAPPING_CHANGES, forgotten, type HealthState, isFlapping, unknownState } from './state.ts';

/** What one check has changed. */
export interface CheckNews {
  readonly result: ServiceResult;
  readonly changes: readonly ServiceChange[];
  readonly certificate: CertificateNews;
  /** What operators are to be told now: that it is down, or that it is back. */
  readonly tell: 'down' | 'back' | undefined;
}

/** When a check ended, by both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

/** One service that is checked: what is known of it, and when it is looked at next. It has no clock and starts nothing. */
export class ServiceWatch {
  #service: ServiceConfig;
  #probe: Probe;
  readonly history: ServiceHistory;
  #state: HealthState;
  #certificate: CertificateState | undefined;
  #isTold: boolean;
  /** That it is down was said by this process: what an earlier one said may not have reached anybody, and is confirmed once. */
  #isSaid = false;
  /** The last check; undefined: none yet, neither by this process nor by the one before. */
  #checkedMs: number | undefined;
  /** The same by the monotonic clock; undefined: none by this process. */
  #checkedAt: number | undefined;
  #dueAt: number;
  #running: { readonly controller: AbortController; readonly startedAt: number } | undefined;

  constructor(
    service: ServiceConfig,
    probe: Probe,
    begin: { stored: StoredService | undefined; now: Moment; dueAt: number },
  ) {
    const { stored, now, dueAt } = begin;
    this.#service = service;
    this.#probe = probe;
    this.#dueAt = dueAt;
    this.history = new ServiceHistory(stored);
    this.#isTold = stored?.isTold ?? false;
    this.#checkedMs = stored?.checkedMs;
    this.#state = stored === undefined ? unknownState(now.wallMs) : stateOf(stored);
    if (stored !== undefined && this.#gap(now) === undefined) this.#forget(stored.checkedMs);
  }

  get service(): ServiceConfig {
    return this.#service;
  }

  get state(): HealthState {
    return this.#state;
  }

  get certificate(): CertificateState | undefined {
    return this.#certificate;
  }

  get isTold(): boolean {
    return this.#isTold;
  }

  get dueAt(): number {
    return this.#dueAt;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  isFlapping(wallMs: number): boolean {
    return isFlapping(this.#state, wallMs);
  }

  /**
   * Is configured otherwise: what is known stays, and a check that is under way says nothing about the new one. Returns the
   * certificate that is looked at no more: another target shows another one, or none.
   */
  redefine(service: ServiceConfig, probe: Probe, dueAt: number): CertificateState | undefined {
    this.abandon();
    const isElsewhere = JSON.stringify(this.#service.target) !== JSON.stringify(service.target);
    const before = this.#certificate;
    this.#service = service;
    this.#probe = probe;
    this.#dueAt = dueAt;
    if (!isElsewhere) return undefined;
    this.#certificate = undefined;
    return before;
  }

  /** Begins a check; `done` is called with what it came to, unless it is abandoned before. */
  begin(now: Moment, done: (result: ProbeResult) => void): void {
    const controller = new AbortController();
    const run = { controller, startedAt: now.monotonicMs };
    this.#running = run;
    this.#dueAt = now.monotonicMs + this.#service.intervalMs;
    const settle = (result: ProbeResult): void => {
      if (this.#running !== run) return;
      done(result);
    };
    this.#probe.check(controller.signal).then(settle, () => settle(PROBE_BROKEN));
  }

  /** Ends a check that has taken its time. Its result still comes, and is that it took too long. */
  expire(monotonicMs: number): void {
    const run = this.#running;
    if (run === undefined || run.controller.signal.aborted) return;
    if (monotonicMs - run.startedAt > this.#service.timeoutMs) run.controller.abort();
  }

  /** Forgets a check that is under way. */
  abandon(): void {
    const run = this.#running;
    this.#running = undefined;
    run?.controller.abort();
  }

  /** Takes in what a check came to. */
  end({ failure, certificate }: ProbeResult, now: Moment): CheckNews {
    const durationMs = Math.max(0, now.monotonicMs - (this.#running?.startedAt ?? now.monotonicMs));
    this.#running = undefined;
    const changesBefore = this.history.changes.at(-1)?.sequence ?? 0;
    this.#account(now);
    const { timeoutMs, slowAfterMs = Number.POSITIVE_INFINITY } = this.#service;
    const late =
      durationMs > timeoutMs && failure === undefined ? ({ code: 'TIMEOUT', detail: '' } as const) : undefined;
    const why = failure ?? late;
    const outcome = why !== undefined ? 'bad' : durationMs > slowAfterMs ? 'slow' : 'good';
    const facts = { timeMs: now.wallMs, code: why?.code ?? '', detail: why?.detail ?? '' };
    this.history.addResult({ ...facts, outcome, durationMs: Math.round(durationMs * 10) / 10 });
    const before = this.#state;
    this.#state = afterCheck(before, { outcome, nowMs: now.wallMs }, this.#service);
    if (this.#state.status !== before.status) {
      this.history.addChange({ ...facts, from: before.status, to: this.#state.status });
    }
    const [result] = this.history.results.slice(-1);
    return {
      // There is one: it was added above.
      result: result ?? { sequence: 0, outcome, durationMs, ...facts },
      changes: this.history.changes.filter(({ sequence }) => sequence > changesBefore),
      certificate: this.#seeCertificate(certificate?.endsMs, now.wallMs),
      tell: this.#telling(),
    };
  }

  /** As it is stored: with everything, or with what is not stored yet. */
  toStore(parts: Pick<StoredService, 'results' | 'changes' | 'hours' | 'days'> = this.history): StoredService {
    const { results, changes, hours, days } = parts;
    const { status, sinceMs } = this.#state;
    const head = { name: this.#service.name, status, sinceMs, checkedMs: this.#checkedMs ?? 0, isTold: this.#isTold };
    return { ...head, results, changes, hours, days };
  }

  /** What has to be stored, and the mark to keep when it was; undefined: nothing has happened. */
  unstored(): { readonly stored: StoredService; readonly mark: Mark } | undefined {
    const parts = this.history.unstored();
    if (parts.results.length === 0 && parts.changes.length === 0) return undefined;
    return { stored: this.toStore(parts), mark: this.history.mark() };
  }

  /** Counts the time since the last check for the state that held; a gap is nobody's. */
  #account(now: Moment): void {
    const lastMs = this.#checkedMs;
    if (lastMs !== undefined) {
      const gapMs = this.#gap(now);
      if (gapMs === undefined) this.#forget(lastMs);
      else this.history.addStay({ status: this.#state.status, fromMs: now.wallMs - gapMs, toMs: now.wallMs });
    }
    this.#checkedMs = now.wallMs;
    this.#checkedAt = now.monotonicMs;
  }

  /** How long ago the last check was; undefined: so long that nobody knows what happened since. */
  #gap(now: Moment): number | undefined {
    const gapMs =
      this.#checkedAt === undefined ? now.wallMs - (this.#checkedMs ?? 0) : now.monotonicMs - this.#checkedAt;
    const { intervalMs, timeoutMs } = this.#service;
    return gapMs >= 0 && gapMs <= GAP_INTERVALS * intervalMs + timeoutMs ? gapMs : undefined;
  }

  #forget(sinceMs: number): void {
    const from = this.#state.status;
    this.#state = forgotten(this.#state, sinceMs);
    if (this.#state.status === from) return;
    this.history.addChange({ timeMs: sinceMs, from, to: 'unknown', code: '', detail: 'not checked' });
  }

  #seeCertificate(endsMs: number | undefined, wallMs: number): CertificateNews {
    // A failed check shows none, which says nothing about the one before.
    if (endsMs === undefined) return undefined;
    const { state, news } = nextCertificate(this.#certificate, endsMs, wallMs);
    this.#certificate = state;
    return news;
  }

  #telling(): CheckNews['tell'] {
    const isDown = this.#state.status === 'down';
    if (this.#state.status === 'unknown') return undefined;
    if (isDown ? this.#isSaid : !this.#isTold) return undefined;
    this.#isTold = isDown;
    this.#isSaid = isDown;
    return isDown ? 'down' : 'back';
  }
}

/** After so many intervals without a check the time between is unknown. */
const GAP_INTERVALS = 3;

/** Probes reject only where we have made a mistake; that must not stop the checks. */
const PROBE_BROKEN: ProbeResult = { failure: { code: 'FAILED', detail: '' }, certificate: undefined };

function stateOf({ status, sinceMs, changes }: StoredService): HealthState {
  const changedMs = changes.slice(-FLAPPING_CHANGES).map(({ timeMs }) => timeMs);
  return { ...unknownState(sinceMs), status, changedMs };
}
