import type { HealthBatch, HealthStore, ServiceChange, ServiceResult, StoredService } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface HealthStoreContract {
  /** A store with nothing in it. */
  open(): HealthStore;
  /** The same store as the next process finds it; undefined for one that ends with its process. */
  readonly reopen: ((store: HealthStore) => Promise<HealthStore>) | undefined;
  /** Gives everything up. */
  close(): Promise<void>;
}

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

export function resultOf(sequence: number): ServiceResult {
  return { sequence, timeMs: NOW_MS + sequence, outcome: 'bad', code: 'STATUS', detail: 'status 503', durationMs: 1.5 };
}

function changeOf(sequence: number): ServiceChange {
  return { sequence, timeMs: NOW_MS + sequence, from: 'up', to: 'down', code: 'REFUSED', detail: '' };
}

export function serviceOf(name: string, parts: Partial<StoredService> = {}): StoredService {
  const nothing = { results: [], changes: [], hours: [], days: [] };
  return { name, status: 'up', sinceMs: 5, checkedMs: NOW_MS, isTold: false, ...nothing, ...parts };
}

export function batchOf(...services: readonly StoredService[]): HealthBatch {
  return { nowMs: NOW_MS, services };
}

/** Declares the suite of the port `HealthStore` under `name`. */
export function runHealthStoreContract(name: string, contract: HealthStoreContract): void {
  describe(`${name}, as a store of what is remembered of services`, () => {
    let store: HealthStore;

    beforeEach(() => {
      store = contract.open();
    });

    afterEach(async () => {
      await contract.close();
    });

    it('begins with nothing', async () => {
      expect(await store.load()).toEqual([]);
    });

    it('takes nothing before it was loaded, and after it was released', async () => {
      await expect(store.commit(batchOf())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await store.load();
      await store.release();
      await expect(store.commit(batchOf())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });

    it('keeps every field', async () => {
      const share = { startMs: 0, upMs: 1.5, degradedMs: 2, downMs: 3 };
      const parts = { status: 'degraded', sinceMs: 7, isTold: true } as const;
      const lists = { results: [resultOf(1)], changes: [changeOf(1)], hours: [share], days: [{ ...share, upMs: 9 }] };
      const service = serviceOf('api', { ...parts, ...lists });
      await store.load();
      await store.commit(batchOf(service, serviceOf('cache')));
      expect(await store.load()).toEqual([service, serviceOf('cache')]);
    });

    it('adds what is new, and replaces what is said again', async () => {
      await store.load();
      await store.commit(batchOf(serviceOf('api', { results: [resultOf(1), resultOf(2)] })));
      const again: ServiceResult = { ...resultOf(2), outcome: 'good', code: '', detail: '' };
      const days = [{ startMs: 0, upMs: 5, degradedMs: 0, downMs: 0 }];
      await store.commit(batchOf(serviceOf('api', { status: 'down', results: [again, resultOf(3)], days })));
      await store.commit(
        batchOf(
          serviceOf('api', { status: 'down', days: [{ ...days[0], startMs: 0, upMs: 8, degradedMs: 0, downMs: 0 }] }),
        ),
      );
      expect(await store.load()).toEqual([
        serviceOf('api', {
          status: 'down',
          results: [resultOf(1), again, resultOf(3)],
          days: [{ startMs: 0, upMs: 8, degradedMs: 0, downMs: 0 }],
        }),
      ]);
    });

    it('remembers 200 results and changes, 48 hours and 90 days of a service, and no more', async () => {
      await store.load();
      const share = { upMs: 1, degradedMs: 0, downMs: 0 };
      const count = <Item>(length: number, make: (index: number) => Item): readonly Item[] =>
        Array.from({ length }, (_, index) => make(index));
      const full = serviceOf('api', {
        results: count(201, (index) => resultOf(index + 1)),
        changes: count(201, (index) => changeOf(index + 1)),
        hours: count(49, (index) => ({ startMs: index, ...share })),
        days: count(91, (index) => ({ startMs: index, ...share })),
      });
      await store.commit(batchOf(full));
      const [found] = await store.load();
      expect([found?.results.length, found?.results[0]?.sequence]).toEqual([200, 2]);
      expect([found?.changes.length, found?.changes[0]?.sequence]).toEqual([200, 2]);
      expect([found?.hours.length, found?.hours[0]?.startMs]).toEqual([48, 1]);
      expect([found?.days.length, found?.days[0]?.startMs]).toEqual([90, 1]);
    });

    it('forgets a service that nobody has checked for 90 days, with all of it', async () => {
      await store.load();
      await store.commit(batchOf(serviceOf('old', { results: [resultOf(1)] }), serviceOf('new')));
      const services = [serviceOf('new', { checkedMs: NOW_MS + 90 * DAY_MS })];
      await store.commit({ nowMs: NOW_MS + 90 * DAY_MS, services });
      expect((await store.load()).map(({ name: kept }) => kept)).toEqual(['new']);
      await store.commit({ nowMs: NOW_MS, services: [serviceOf('old')] });
      expect(await store.load()).toContainEqual(serviceOf('old'));
    });

    it('forgets the services that were not checked for longest when there are more than a thousand', async () => {
      await store.load();
      const many = Array.from({ length: 1_001 }, (_, index) =>
        serviceOf(`s${String(index).padStart(4, '0')}`, { checkedMs: NOW_MS + index }),
      );
      await store.commit({ nowMs: NOW_MS, services: many });
      const names = (await store.load()).map(({ name: kept }) => kept);
      expect([names.length, names[0]]).toEqual([1_000, 's0001']);
    });

    const { reopen } = contract;
    if (reopen === undefined) return;

    it('is the same for the next process', async () => {
      await store.load();
      await store.commit(batchOf(serviceOf('api', { results: [resultOf(1)], changes: [changeOf(1)] })));
      const before = await store.load();
      const next = await reopen(store);
      expect(await next.load()).toEqual(before);
    });
  });
}
