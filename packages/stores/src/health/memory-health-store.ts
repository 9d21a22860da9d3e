import {
  type HealthBatch,
  type HealthStore,
  SERVICE_DAYS_MAX,
  SERVICES_REMEMBERED_MAX,
  type StoredService,
  StoreError,
} from '@sallyport/kernel';
import { merged } from './merge.ts';

/** What is remembered of services by a gateway that has no folder for it: it ends with the process. */
export class MemoryHealthStore implements HealthStore {
  #services = new Map<string, StoredService>();
  #isOpen = false;

  async load(): Promise<readonly StoredService[]> {
    this.#isOpen = true;
    return [...this.#services.values()];
  }

  async commit({ nowMs, services }: HealthBatch): Promise<void> {
    if (!this.#isOpen) throw new StoreError('UNAVAILABLE', 'the health of services is not open in this process');
    const next = new Map(this.#services);
    for (const service of services) next.set(service.name, merged(next.get(service.name), service));
    const kept = [...next.values()]
      .filter(({ checkedMs }) => checkedMs > nowMs - SERVICE_DAYS_MAX * DAY_MS)
      .toSorted((left, right) => right.checkedMs - left.checkedMs || (left.name < right.name ? -1 : 1))
      .slice(0, SERVICES_REMEMBERED_MAX)
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
    this.#services = new Map(kept.map((service) => [service.name, service]));
  }

  async release(): Promise<void> {
    this.#isOpen = false;
  }
}

const DAY_MS = 86_400_000;
