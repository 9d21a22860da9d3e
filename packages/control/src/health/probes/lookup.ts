import { lookup as lookupName } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { BoundedMap } from '@sallyport/kernel';

/** Names as the machine knows them (files, resolvers), for everything that is checked. */
export const lookup: LookupFunction = (host, options, callback) => lookups.lookup(host, options, callback);

type Answer = Parameters<Parameters<LookupFunction>[2]>;

/**
 * Lookups of names, at most {@link LOOKUPS_AT_ONCE_MAX} at once. Each occupies one of the four threads that this process has for
 * everything that waits, for as long as a dead resolver likes, and none can be taken back. So a name is looked up once at a time
 * whoever asks, and names that have not answered the last time leave a place to those that have.
 */
export class Lookups {
  readonly #lookupName: LookupFunction;
  readonly #waiting: Lookup[] = [];
  readonly #running = new Set<Lookup>();
  /** Names that had an address when they were looked up last. */
  readonly #good = new BoundedMap<string, true>({ entriesMax: GOOD_NAMES_MAX });

  constructor(lookupNameOf: LookupFunction) {
    this.#lookupName = lookupNameOf;
  }

  readonly lookup: LookupFunction = (host, options, callback) => {
    const key = `${host} ${JSON.stringify(options)}`;
    const same = [...this.#running, ...this.#waiting].find((one) => one.key === key);
    if (this.#askers >= LOOKUPS_WAITING_MAX) {
      const refusal = Object.assign(new Error('too many lookups'), { code: 'EAI_AGAIN' });
      queueMicrotask(() => callback(refusal, '', 0));
      return;
    }
    this.#askers += 1;
    if (same !== undefined) {
      same.callbacks.push(callback);
      return;
    }
    this.#waiting.push({ key, host, options, callbacks: [callback] });
    this.#begin();
  };

  /** Everybody who waits for an answer. */
  #askers = 0;

  #begin(): void {
    while (this.#running.size < LOOKUPS_AT_ONCE_MAX) {
      const doubtful = [...this.#running].filter(({ host }) => this.#good.get(host) !== true).length;
      const mayDoubt = doubtful < DOUBTFUL_AT_ONCE_MAX;
      const place = this.#waiting.findIndex(({ host }) => mayDoubt || this.#good.get(host) === true);
      const [next] = place < 0 ? [] : this.#waiting.splice(place, 1);
      if (next === undefined) return;
      this.#running.add(next);
      this.#lookupName(next.host, next.options, (...answer) => this.#end(next, answer));
    }
  }

  #end(lookedUp: Lookup, answer: Answer): void {
    this.#running.delete(lookedUp);
    if (answer[0] === null) this.#good.set(lookedUp.host, true);
    else this.#good.delete(lookedUp.host);
    this.#askers -= lookedUp.callbacks.length;
    this.#begin();
    for (const callback of lookedUp.callbacks) callback(...answer);
  }
}

interface Lookup {
  readonly key: string;
  readonly host: string;
  readonly options: Parameters<LookupFunction>[1];
  readonly callbacks: Parameters<LookupFunction>[2][];
}

const LOOKUPS_AT_ONCE_MAX = 3;

/** Of them, names that had no address when they were looked up last, or were not yet. */
const DOUBTFUL_AT_ONCE_MAX = 2;

/** Each belongs to a check, which may have been given up meanwhile. */
const LOOKUPS_WAITING_MAX = 200;

const GOOD_NAMES_MAX = 1_000;

const lookups = new Lookups(lookupName);
