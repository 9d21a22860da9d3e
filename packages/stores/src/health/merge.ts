import {
  SERVICE_CHANGES_MAX,
  SERVICE_DAYS_MAX,
  SERVICE_HOURS_MAX,
  SERVICE_RESULTS_MAX,
  type StoredService,
} from '@sallyport/kernel';

/** What is remembered of a service after more of it was said. */
export function merged(before: StoredService | undefined, update: StoredService): StoredService {
  if (before === undefined) return trimmed(update);
  return trimmed({
    ...update,
    results: joined(before.results, update.results, ({ sequence }) => sequence),
    changes: joined(before.changes, update.changes, ({ sequence }) => sequence),
    hours: joined(before.hours, update.hours, ({ startMs }) => startMs),
    days: joined(before.days, update.days, ({ startMs }) => startMs),
  });
}

function trimmed(service: StoredService): StoredService {
  return {
    ...service,
    results: service.results.slice(-SERVICE_RESULTS_MAX),
    changes: service.changes.slice(-SERVICE_CHANGES_MAX),
    hours: service.hours.slice(-SERVICE_HOURS_MAX),
    days: service.days.slice(-SERVICE_DAYS_MAX),
  };
}

/** In the order of their places; what is said again replaces what was there. */
function joined<Item>(
  before: readonly Item[],
  after: readonly Item[],
  placeOf: (item: Item) => number,
): readonly Item[] {
  const places = new Map([...before, ...after].map((item) => [placeOf(item), item]));
  return [...places].toSorted(([left], [right]) => left - right).map(([, item]) => item);
}
