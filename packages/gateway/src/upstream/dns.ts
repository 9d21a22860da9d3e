import { lookup } from 'node:dns/promises';
import { BoundedMap, type Clock } from '@sallyport/kernel';

/** Looks up a host name; resolves to at least one IP address in text, rejects when there is none. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/**
 * Longest age of an answer, in milliseconds. The system's resolver tells no time to live; asking DNS servers directly
 * would, but it would not see /etc/hosts, search domains and what container engines put in their place.
 */
export const ANSWER_AGE_MAX_MS = 30_000;
/** Names kept. As many as an operator can have servers; a limit all the same. */
const NAMES_MAX = 1_024;

/** The system's resolver: /etc/hosts, search domains, both address families in the order it prefers. */
export const systemLookUp: LookUp = async (host) => {
  const answers = await lookup(host, { all: true, order: 'verbatim' });
  return answers.map(({ address }) => address);
};

/**
 * Host names of servers, looked up at most every {@link ANSWER_AGE_MAX_MS}, one lookup per name at a time.
 *
 * When a lookup fails, the last good answer stays valid: a resolver that is down must not take the servers with it.
 */
export class NameCache {
  readonly #lookUp: LookUp;
  readonly #clock: Clock;
  readonly #answers = new BoundedMap<string, Answer>({ entriesMax: NAMES_MAX });
  readonly #underWay = new Map<string, Promise<readonly string[]>>();

  constructor(lookUp: LookUp, clock: Clock) {
    this.#lookUp = lookUp;
    this.#clock = clock;
  }

  /** Rejects when there has never been an answer. */
  resolve(host: string): Promise<readonly string[]> {
    const known = this.#answers.get(host);
    if (known !== undefined && this.#clock.monotonicMs() < known.validUntilMs) return Promise.resolve(known.addresses);
    const underWay = this.#underWay.get(host);
    if (underWay !== undefined) return underWay;
    const asked = this.#ask(host, known).finally(() => this.#underWay.delete(host));
    this.#underWay.set(host, asked);
    return asked;
  }

  async #ask(host: string, known: Answer | undefined): Promise<readonly string[]> {
    try {
      const addresses = await this.#lookUp(host);
      if (addresses.length === 0) throw new Error(`no address for ${host}`);
      return this.#keep(host, addresses);
    } catch (cause) {
      if (known === undefined) throw cause;
      return this.#keep(host, known.addresses);
    }
  }

  #keep(host: string, addresses: readonly string[]): readonly string[] {
    this.#answers.set(host, { addresses, validUntilMs: this.#clock.monotonicMs() + ANSWER_AGE_MAX_MS });
    return addresses;
  }
}

interface Answer {
  readonly addresses: readonly string[];
  readonly validUntilMs: number;
}
