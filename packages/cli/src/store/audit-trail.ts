import type { SystemEmitter } from '@sallyport/gateway';
import type { AdministrationEvent, AuditEntry, AuditHead, Clock, Log, StateStore } from '@sallyport/kernel';
import type { ControlMetrics } from '../plane/control-metrics.ts';

export interface AuditTrailOptions {
  readonly store: StateStore;
  readonly clock: Clock;
  readonly emitter: SystemEmitter;
  readonly log: Log;
  readonly metrics: Pick<ControlMetrics, 'auditFailed'>;
}

/** Writes down what administrators do: in the audit log, and as events. */
export class AuditTrail {
  readonly #options: AuditTrailOptions;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the entry is stored. Where it cannot be, what was done stays done: a full disk must not keep anybody from draining
   * or from raising the attack level. The event and an error in the log are then all there is.
   */
  async write(entry: AuditEntry): Promise<void> {
    const { store, clock, log, metrics } = this.#options;
    this.emit(entry);
    try {
      this.grown(await store.commit({ nowMs: clock.wallMs(), changes: [], audit: [entry], policies: [] }));
    } catch (error) {
      metrics.auditFailed.add();
      log.error('an entry of the audit log could not be stored', { operation: entry.operation, error });
    }
  }

  emit({ author, session, operation, result, detail }: AuditEntry): void {
    this.#options.emitter.administration({
      author,
      session,
      door: doorOf(author),
      operation,
      result: resultOf(result),
      detail: result === 'done' ? detail : `${result}: ${detail}`,
    });
  }

  /** The log is kept elsewhere than the state: whoever has a head from there knows when an end was cut off. */
  grown({ sequence, hash }: AuditHead): void {
    this.#options.log.info('the audit log has grown', { sequence, hash });
  }
}

function doorOf(author: string): AdministrationEvent['door'] {
  if (author.startsWith('socket:')) return 'socket';
  return author.startsWith('signal:') || author.startsWith('file:') ? 'signal' : 'port';
}

function resultOf(result: string): AdministrationEvent['result'] {
  if (result === 'done') return 'done';
  return FAILURES.has(result) ? 'failed' : 'refused';
}

/** What is nobody's fault who asked. */
const FAILURES: ReadonlySet<string> = new Set(['INTERNAL', 'NOT_PUBLISHED', 'STATE_UNAVAILABLE', 'TIMEOUT', 'failed']);
