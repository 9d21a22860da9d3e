import type { Counter, Family, Gauge, Histogram, MetricsRegistry } from '@sallyport/kernel';
import type { ListenerCertificates } from './listener-certificates.ts';
import type { CheckNews, ServiceWatch } from './service-watch.ts';

/** What is counted of services, by their names. */
export class HealthMetrics {
  readonly #up: Family<Gauge>;
  readonly #seconds: Family<Histogram>;
  readonly #checks: Family<Counter>;
  readonly #ends: Family<Gauge>;
  readonly #listenerEnds: Family<Gauge>;
  #shown: ReadonlyMap<string, readonly string[]> = new Map();

  /** @throws Error for a registry that has them. */
  constructor(registry: MetricsRegistry) {
    this.#up = registry.gauge('sallyport_service_up', 'Whether a service answers: 1, slowly or not; 0: it is down.', [
      'service',
    ]);
    this.#seconds = registry.histogram('sallyport_service_check_seconds', 'Duration of checks of a service.', {
      labels: ['service'],
      buckets: BUCKETS,
    });
    this.#checks = registry.counter('sallyport_service_checks_total', 'Checks of a service, by their outcome.', [
      'service',
      'outcome',
    ]);
    this.#ends = registry.gauge(
      'sallyport_service_certificate_expiry_seconds',
      'When the certificate of a service ends, in seconds since 1970.',
      ['service'],
    );
    this.#listenerEnds = registry.gauge(
      'sallyport_listener_certificate_expiry_seconds',
      'When a certificate that a listener serves ends, in seconds since 1970.',
      ['listener', 'names'],
    );
  }

  checked(watch: ServiceWatch, { result }: CheckNews): void {
    const { service, state, certificate } = watch;
    this.#checks.with(service.name, result.outcome).add();
    this.#seconds.with(service.name).observe(result.durationMs / 1_000);
    // Of what is not known nothing is said: 0 would be an alarm, and 1 a promise.
    if (state.status === 'unknown') this.#up.remove(service.name);
    else this.#up.with(service.name).set(state.status === 'down' ? 0 : 1);
    if (certificate !== undefined) this.#ends.with(service.name).set(certificate.endsMs / 1_000);
  }

  certificateGone({ service: { name } }: ServiceWatch): void {
    this.#ends.remove(name);
  }

  removed({ service: { name } }: ServiceWatch): void {
    this.#up.remove(name);
    this.#seconds.remove(name);
    this.#ends.remove(name);
    for (const outcome of ['good', 'slow', 'bad']) this.#checks.remove(name, outcome);
  }

  served(certificates: ListenerCertificates): void {
    const list = certificates.list();
    const shown = new Map<string, readonly string[]>();
    for (const { listener, names } of list) shown.set(`${listener} ${names}`, [listener, names]);
    for (const [key, labels] of this.#shown) if (!shown.has(key)) this.#listenerEnds.remove(...labels);
    for (const { listener, names, endsMs } of list) this.#listenerEnds.with(listener, names).set(endsMs / 1_000);
    this.#shown = shown;
  }
}

/** From a server of the same machine to the longest timeout. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
