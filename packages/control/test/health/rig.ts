import { type HealthBatch, type HealthStore, ManualClock, type StoredService, StoreError } from '@sallyport/kernel';
import type { Probe, ProbeFailureCode, ProbeResult } from '../../src/health/probe.ts';
import type { ServiceConfig } from '../../src/health/service.ts';
import { type CheckNews, HealthChecks, type ServiceWatch } from '../../src/index.ts';

export function serviceOf(name: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name,
    target: { kind: 'tcp', address: { kind: 'tcp', host: name, port: 1 }, tls: undefined },
    intervalMs: 10_000,
    timeoutMs: 5_000,
    slowAfterMs: undefined,
    failuresToDown: 3,
    successesToUp: 2,
    ...more,
  };
}

export const GOOD: ProbeResult = { failure: undefined, certificate: undefined };

export function bad(code: ProbeFailureCode): ProbeResult {
  return { failure: { code, detail: '' }, certificate: undefined };
}

/** Checks whose probes answer when a test says so, by a clock that a test moves. */
export class HealthRig {
  readonly clock: ManualClock = new ManualClock(1_700_000_000_000);
  readonly store: KeptStore;
  readonly checks: HealthChecks;
  readonly news: (readonly [string, CheckNews])[] = [];
  readonly removed: string[] = [];
  /** Services whose certificate is looked at no more, with how near its end was. */
  readonly gone: string[] = [];
  readonly storeFailures: unknown[] = [];
  /** Checks that wait for an answer, by host. */
  readonly waiting: Map<string, (result: ProbeResult) => void> = new Map();
  begun: number = 0;

  constructor(store: KeptStore = new KeptStore(), random: () => number = () => 0) {
    this.store = store;
    this.checks = new HealthChecks({
      clock: this.clock,
      random,
      store,
      makeProbe: (target) =>
        this.#probe('address' in target && target.address.kind === 'tcp' ? target.address.host : ''),
      listener: {
        onChecked: (watch: ServiceWatch, news: CheckNews) => this.news.push([watch.service.name, news]),
        onCertificateGone: (watch: ServiceWatch, { stage }) => this.gone.push(`${watch.service.name} ${stage}`),
        onRemoved: (watch: ServiceWatch) => this.removed.push(watch.service.name),
        onAbandoned: (name) => this.removed.push(name),
        onStored: () => undefined,
        onStoreFailure: (error) => this.storeFailures.push(error),
      },
    });
  }

  /** Moves the clock to the next check of everybody, and gives each the answer. */
  async round(result: ProbeResult, ms = 10_000): Promise<void> {
    this.checks.sweep();
    await this.answer(result);
    this.clock.advance(ms);
  }

  async answer(result: ProbeResult): Promise<void> {
    for (const answer of this.waiting.values()) answer(result);
    this.waiting.clear();
    await settled();
  }

  statusOf(name: string): string | undefined {
    return this.checks.find(name)?.state.status;
  }

  #probe(host: string): Probe {
    return {
      check: (signal) => {
        this.begun += 1;
        return new Promise((resolve) => {
          this.waiting.set(host, resolve);
          signal.addEventListener('abort', () => resolve(bad('TIMEOUT')));
        });
      },
    };
  }
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

/** A store that tells what it was given, and fails when a test wants it to. */
export class KeptStore implements HealthStore {
  stored: readonly StoredService[] = [];
  readonly batches: HealthBatch[] = [];
  failure: StoreError | undefined;
  isOpen = false;

  async load(): Promise<readonly StoredService[]> {
    if (this.failure !== undefined) throw this.failure;
    this.isOpen = true;
    return this.stored;
  }

  async commit(batch: HealthBatch): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (!this.isOpen) throw new StoreError('UNAVAILABLE', 'not open');
    this.batches.push(batch);
  }

  async release(): Promise<void> {
    this.isOpen = false;
  }
}
