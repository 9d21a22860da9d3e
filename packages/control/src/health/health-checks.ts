import {
  BoundedMap,
  type Clock,
  type HealthStore,
  SERVICES_REMEMBERED_MAX,
  SteadyTime,
  type StoredService,
  StoreError,
} from '@sallyport/kernel';
import type { CertificateState } from './certificate-watch.ts';
import type { Probe, ProbeResult } from './probe.ts';
import type { ServiceConfig, ServiceTarget } from './service.ts';
import { type CheckNews, type Moment, ServiceWatch } from './service-watch.ts';

export interface HealthChecksOptions {
  readonly clock: Clock;
  /** 0 to 1, to spread first checks. */
  readonly random: () => number;
  readonly makeProbe: (target: ServiceTarget) => Probe;
  readonly store: HealthStore;
  readonly listener: HealthListener;
}

/** Who hears of what checks come to. Must not throw. */
export interface HealthListener {
  onChecked(watch: ServiceWatch, news: CheckNews): void;
  /** What is checked now is another server, or the same without TLS: this certificate is looked at no more. */
  onCertificateGone(watch: ServiceWatch, certificate: CertificateState): void;
  /** It is not checked any more. */
  onRemoved(watch: ServiceWatch): void;
  /** Operators were told by an earlier process that it is down, and nobody checks it any more. */
  onAbandoned(name: string): void;
  onStored(): void;
  /** What happened cannot be read or stored; traffic and checks go on. */
  onStoreFailure(error: unknown): void;
}

/**
 * The checks of all services. Nothing happens by itself: whoever has a timer calls {@link sweep} a few times a second, and what is
 * due then begins.
 */
export class HealthChecks {
  readonly #options: HealthChecksOptions;
  readonly #watches = new Map<string, ServiceWatch>();
  /** What is remembered of services that are not checked. */
  readonly #remembered = new BoundedMap<string, StoredService>({ entriesMax: SERVICES_REMEMBERED_MAX });
  /** What is remembered is forgotten by it: a clock that leaps ahead must not end every history. */
  readonly #steady: SteadyTime;
  #storing: 'never' | 'open' | 'lost' = 'never';
  #isPaused = true;
  #flushAt = 0;
  #flushing: Promise<void> | undefined;

  constructor(options: HealthChecksOptions) {
    this.#options = options;
    this.#steady = new SteadyTime(options.clock);
  }

  /** Every service that is checked, in the order of the configuration. */
  get watches(): readonly ServiceWatch[] {
    return [...this.#watches.values()];
  }

  find(name: string): ServiceWatch | undefined {
    return this.#watches.get(name);
  }

  /** Reads what is remembered, and begins to check. Where it cannot be read, this process has a memory of its own. */
  async start(services: readonly ServiceConfig[]): Promise<void> {
    try {
      const remembered = await this.#options.store.load();
      for (const stored of remembered) this.#remembered.set(stored.name, stored);
      this.#storing = 'open';
      const told = remembered.filter(
        ({ name, isTold }) => isTold && !services.some((service) => service.name === name),
      );
      for (const { name } of told) this.#options.listener.onAbandoned(name);
    } catch (error) {
      this.#options.listener.onStoreFailure(error);
    }
    this.#isPaused = false;
    this.apply(services);
  }

  /** Takes over what is configured. Services that are configured as before do not notice. */
  apply(services: readonly ServiceConfig[]): void {
    const named = new Map(services.map((service) => [service.name, service]));
    for (const watch of this.watches) if (!named.has(watch.service.name)) this.#remove(watch);
    const known = new Map(this.#watches);
    // Made anew, so that the order is that of the file.
    this.#watches.clear();
    for (const [name, service] of named) {
      const watch = known.get(name);
      if (watch !== undefined && JSON.stringify(watch.service) !== JSON.stringify(service)) {
        const gone = watch.redefine(service, this.#options.makeProbe(service.target), this.#firstDue(service));
        if (gone !== undefined) this.#options.listener.onCertificateGone(watch, gone);
      }
      this.#watches.set(name, watch ?? this.#begin(service));
    }
  }

  /** Begins what is due, ends what takes too long, and stores what there is now and then. */
  sweep(): void {
    if (this.#isPaused) return;
    const now = this.#now();
    for (const watch of this.#watches.values()) watch.expire(now.monotonicMs);
    const running = this.watches.filter(({ isRunning }) => isRunning).length;
    const due = this.watches.filter((watch) => !watch.isRunning && watch.dueAt <= now.monotonicMs);
    // Who waits longest is first, so that a crowd that is always due keeps nobody out.
    due.sort((left, right) => left.dueAt - right.dueAt);
    for (const watch of due.slice(0, Math.max(0, CHECKS_AT_ONCE_MAX - running))) {
      watch.begin(now, (result) => this.#end(watch, result));
    }
    if (now.monotonicMs >= this.#flushAt) void this.flush();
  }

  /** Stores what is not stored yet. Never rejects: what could not be stored is tried again with the next. */
  async flush(): Promise<void> {
    this.#flushAt = this.#options.clock.monotonicMs() + FLUSH_MS;
    while (this.#flushing !== undefined) await this.#flushing;
    this.#flushing = this.#store();
    await this.#flushing;
    this.#flushing = undefined;
  }

  /** Stops checking, stores everything, and lets another process have the store. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    for (const watch of this.#watches.values()) watch.abandon();
    await this.flush();
    if (this.#storing === 'never') return;
    this.#storing = 'lost';
    await this.#options.store.release().catch(() => undefined);
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    this.#isPaused = false;
  }

  #begin(service: ServiceConfig): ServiceWatch {
    const stored = this.#remembered.get(service.name);
    const begin = { stored, now: this.#now(), dueAt: this.#firstDue(service) };
    return new ServiceWatch(service, this.#options.makeProbe(service.target), begin);
  }

  /** Not all at once, and not long after the start. */
  #firstDue({ intervalMs }: ServiceConfig): number {
    const { clock, random } = this.#options;
    return clock.monotonicMs() + random() * Math.min(intervalMs, FIRST_CHECK_MS_MAX);
  }

  #remove(watch: ServiceWatch): void {
    watch.abandon();
    this.#watches.delete(watch.service.name);
    this.#remembered.set(watch.service.name, { ...watch.toStore(), isTold: false });
    this.#options.listener.onRemoved(watch);
  }

  #end(watch: ServiceWatch, result: ProbeResult): void {
    const news = watch.end(result, this.#now());
    this.#options.listener.onChecked(watch, news);
    // A change is what people ask for afterwards: it does not wait.
    if (news.changes.length > 0) void this.flush();
  }

  async #store(): Promise<void> {
    const { store, listener } = this.#options;
    // What was not read at the start must not be written over.
    if (this.#storing === 'never') return;
    const open = this.watches.flatMap((watch) => {
      const unstored = watch.unstored();
      return unstored === undefined ? [] : [{ watch, ...unstored }];
    });
    if (open.length === 0) return;
    try {
      if (this.#storing === 'lost') await store.load();
      this.#storing = 'open';
      await store.commit({ nowMs: this.#steady.nowMs(), services: open.map(({ stored }) => stored) });
      for (const { watch, mark } of open) watch.history.keep(mark);
      listener.onStored();
    } catch (error) {
      if (error instanceof StoreError && error.code === 'UNAVAILABLE') this.#storing = 'lost';
      listener.onStoreFailure(error);
    }
  }

  #now(): Moment {
    const { clock } = this.#options;
    return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }
}

/** Checks that are under way at the same time. */
const CHECKS_AT_ONCE_MAX = 16;

/** First checks are spread over so long, or over one interval. */
const FIRST_CHECK_MS_MAX = 5_000;

/** How often results are stored; changes of state are stored at once. */
const FLUSH_MS = 30_000;
