import { BoundedMap } from '@sallyport/kernel';
import { wholeNumberOf } from '../operators/numeric.ts';

/** One variable of a persistent collection. */
export interface PersistentValue {
  readonly text: string;
  /** Milliseconds since 1970; undefined when it lives as long as its collection. */
  readonly expiresAtMs: number | undefined;
}

/** What a transaction did to a persistent collection. Sums, so that transactions at the same time do not undo another. */
export type PersistentChange =
  | { readonly kind: 'set'; readonly key: string; readonly text: string }
  | { readonly kind: 'add'; readonly key: string; readonly amount: number }
  | { readonly kind: 'unset'; readonly key: string }
  | { readonly kind: 'expire'; readonly key: string; readonly atMs: number };

/** One persistent collection, for example IP of one address. */
export interface CollectionName {
  /** GLOBAL, IP, RESOURCE, SESSION or USER. */
  readonly collection: string;
  readonly key: string;
}

/** Where collections live between transactions. */
export interface PersistentCollections {
  /** What is there now, without what has expired. */
  load(name: CollectionName, nowMs: number): ReadonlyMap<string, PersistentValue>;
  /** Applies changes in order. The collection itself expires `timeoutMs` after its last change. */
  merge(name: CollectionName, changes: readonly PersistentChange[], times: { nowMs: number; timeoutMs: number }): void;
}

/** Addresses are the attacker's to choose: past this many collections the one that changed longest ago leaves. */
const COLLECTIONS_MAX = 100_000;

/** Names can come from the request as well. A collection that is full takes no further names. */
const COLLECTION_VALUES_MAX = 1_000;

interface StoredCollection {
  readonly values: Map<string, PersistentValue>;
  readonly expiresAtMs: number;
}

/** Persistent collections in the memory of one process. */
export class MemoryCollections implements PersistentCollections {
  readonly #stored = new BoundedMap<string, StoredCollection>({ entriesMax: COLLECTIONS_MAX });

  load({ collection, key }: CollectionName, nowMs: number): ReadonlyMap<string, PersistentValue> {
    const stored = this.#stored.get(`${collection}\0${key}`);
    if (stored === undefined || stored.expiresAtMs <= nowMs) return new Map();
    return new Map([...stored.values].filter(([, value]) => isAlive(value, nowMs)));
  }

  merge(
    name: CollectionName,
    changes: readonly PersistentChange[],
    { nowMs, timeoutMs }: { nowMs: number; timeoutMs: number },
  ): void {
    if (changes.length === 0) return;
    const values = new Map(this.load(name, nowMs));
    for (const change of changes) apply(values, change);
    this.#stored.set(`${name.collection}\0${name.key}`, { values, expiresAtMs: nowMs + timeoutMs });
  }
}

function apply(values: Map<string, PersistentValue>, change: PersistentChange): void {
  const key = change.key.toLowerCase();
  const old = values.get(key);
  if (old === undefined && values.size >= COLLECTION_VALUES_MAX) return;
  switch (change.kind) {
    case 'set':
      values.set(key, { text: change.text, expiresAtMs: old?.expiresAtMs });
      break;
    case 'add':
      values.set(key, { text: String(wholeNumberOf(old?.text ?? '') + change.amount), expiresAtMs: old?.expiresAtMs });
      break;
    case 'unset':
      values.delete(key);
      break;
    case 'expire':
      if (old !== undefined) values.set(key, { text: old.text, expiresAtMs: change.atMs });
      break;
  }
}

function isAlive({ expiresAtMs }: PersistentValue, nowMs: number): boolean {
  return expiresAtMs === undefined || expiresAtMs > nowMs;
}
