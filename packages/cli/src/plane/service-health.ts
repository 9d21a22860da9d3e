import {
  type CertificateNews,
  type CheckNews,
  certificateNotice,
  HealthChecks,
  HealthMetrics,
  healthReport,
  ListenerCertificates,
  makeProbe,
  type SallyportConfig,
  type ServedCertificate,
  type ServiceHealthPort,
  type ServiceWatch,
  serviceNotice,
  serviceRemovedNotice,
} from '@sallyport/control';
import type { SystemEmitter } from '@sallyport/gateway';
import type {
  Clock,
  HealthStore,
  Log,
  MetricsRegistry,
  NoticeSink,
  ServiceChange,
  SystemEvent,
} from '@sallyport/kernel';

export interface ServiceHealthOptions {
  readonly clock: Clock;
  readonly store: HealthStore;
  readonly log: Log;
  readonly emitter: SystemEmitter;
  readonly registry: MetricsRegistry;
  readonly notices: NoticeSink;
  /** 0 to 1, to spread first checks. Default: the machine's. */
  readonly random?: () => number;
}

/** The checks of services and of our own certificates, and everybody who hears of them: events, metrics, operators. */
export class ServiceHealth {
  readonly #options: ServiceHealthOptions;
  readonly #metrics: HealthMetrics;
  readonly #checks: HealthChecks;
  readonly #certificates: ListenerCertificates;
  readonly report: ServiceHealthPort;
  #timers: readonly NodeJS.Timeout[] = [];
  #isStoreFailing = false;

  constructor(options: ServiceHealthOptions) {
    const { clock, store, registry, notices, random = Math.random } = options;
    this.#options = options;
    this.#metrics = new HealthMetrics(registry);
    const listener = {
      onChecked: (watch: ServiceWatch, news: CheckNews) => this.#onChecked(watch, news),
      onCertificateGone: (watch: ServiceWatch, certificate: ServiceWatch['certificate']) => {
        this.#metrics.certificateGone(watch);
        this.#endCertificateAlarm(watch, certificate);
      },
      onRemoved: (watch: ServiceWatch) => this.#onRemoved(watch),
      onAbandoned: (name: string) => notices.notify(serviceRemovedNotice(name, clock.wallMs())),
      onStored: () => this.#onStored(),
      onStoreFailure: (error: unknown) => this.#onStoreFailure(error),
    };
    this.#checks = new HealthChecks({ clock, random, makeProbe, store, listener });
    this.#certificates = new ListenerCertificates((certificate, news) => this.#onServed(certificate, news));
    this.report = healthReport(this.#checks, this.#certificates, clock);
  }

  /** Reads what is remembered, and begins. */
  async start(config: SallyportConfig): Promise<void> {
    await this.#checks.start(config.services);
    this.#serve(config);
    const look = (): void => {
      this.#certificates.look(this.#options.clock.wallMs());
      this.#metrics.served(this.#certificates);
    };
    this.#timers = [setInterval(() => this.#checks.sweep(), SWEEP_MS), setInterval(look, CALENDAR_MS)];
    for (const timer of this.#timers) timer.unref();
  }

  /** Takes over another configuration. */
  apply(config: SallyportConfig): void {
    this.#checks.apply(config.services);
    this.#serve(config);
  }

  /** Before another process takes over, which may have the store then. */
  pause(): Promise<void> {
    return this.#checks.pause();
  }

  resume(): void {
    this.#checks.resume();
  }

  /** Stops for good, and stores what is not stored yet. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#checks.pause();
  }

  #serve({ gateway }: SallyportConfig): void {
    this.#certificates.apply(gateway.listeners, this.#options.clock.wallMs());
    this.#metrics.served(this.#certificates);
  }

  #onChecked(watch: ServiceWatch, news: CheckNews): void {
    const { clock, emitter, notices } = this.#options;
    const { service } = watch;
    this.#metrics.checked(watch, news);
    const timeMs = clock.wallMs();
    const isFlapping = watch.isFlapping(timeMs);
    for (const change of news.changes) emitter.system(EVENTS[change.to], changeText(service.name, change, isFlapping));
    if (news.tell !== undefined) {
      const status = news.tell === 'down' ? 'firing' : 'resolved';
      notices.notify(serviceNotice(service, { status, last: news.result, isFlapping, timeMs }));
    }
    if (news.certificate === undefined || watch.certificate === undefined) return;
    const notice = certificateNotice(service.name, watch.certificate, timeMs);
    emitter.system(news.certificate === 'ending' ? 'certificate-ending' : 'certificate-renewed', notice.summary);
    notices.notify(notice);
  }

  #onRemoved(watch: ServiceWatch): void {
    const { clock, notices } = this.#options;
    const timeMs = clock.wallMs();
    this.#metrics.removed(watch);
    if (watch.isTold) notices.notify(serviceRemovedNotice(watch.service.name, timeMs));
    this.#endCertificateAlarm(watch, watch.certificate);
  }

  /** Nobody looks at it any more: an alarm must not go on for ever. */
  #endCertificateAlarm({ service }: ServiceWatch, certificate: ServiceWatch['certificate']): void {
    if (certificate?.stage === undefined) return;
    const { clock, notices } = this.#options;
    notices.notify(certificateNotice(service.name, { ...certificate, stage: undefined }, clock.wallMs()));
  }

  #onServed({ listener, names, state }: ServedCertificate, news: CertificateNews): void {
    if (news === undefined) return;
    const { clock, emitter, notices } = this.#options;
    const ended = news === 'renewed' ? { ...state, stage: undefined } : state;
    const notice = certificateNotice(`listener ${listener} (${names})`, ended, clock.wallMs());
    emitter.system(news === 'ending' ? 'certificate-ending' : 'certificate-renewed', notice.summary);
    notices.notify(notice);
  }

  #onStored(): void {
    if (this.#isStoreFailing) this.#options.log.info('what happens to services is stored again');
    this.#isStoreFailing = false;
  }

  #onStoreFailure(error: unknown): void {
    if (!this.#isStoreFailing) this.#options.log.warn('what happens to services cannot be stored', { error });
    this.#isStoreFailing = true;
  }
}

const EVENTS: Readonly<Record<ServiceChange['to'], SystemEvent['what']>> = {
  unknown: 'service-unknown',
  up: 'service-up',
  degraded: 'service-degraded',
  down: 'service-down',
};

function changeText(name: string, { from, to, code, detail }: ServiceChange, isFlapping: boolean): string {
  const why = [code, detail].filter((part) => part !== '').join(', ');
  return `${name} was ${from} and is ${to}${why === '' ? '' : ` (${why})`}${isFlapping ? '; it changes again and again' : ''}`;
}

/** How often it is looked what is due: the shortest interval is a second. */
const SWEEP_MS = 200;

/** How often the calendar is looked at. */
const CALENDAR_MS = 600_000;
