import { type Clock, IpAddress, type JwksSource, type Log } from '@sallyport/kernel';
import { type CompactJWSHeaderParameters, type CryptoKey, errors, type LocalJWKSet } from 'jose';
import type { JwksFetch } from './fetch-jwks.ts';
import { parseJwks } from './jwks.ts';

/** Where the verifier gets public keys. */
export interface KeySource {
  /** Counts the sets of keys there have been. */
  readonly generation: number;
  /** False when the keys have changed since `generation` or are too old: what they verified has to be verified again. */
  isCurrent(generation: number): boolean;
  readonly fetches: number;
  readonly fetchesFailed: number;
  /** Starts a refresh of keys that have become old, and does not wait for it. */
  refreshIfOld(): void;
  /** The key for a token's header. @throws KeysUnavailable, or an error of jose when no key fits. */
  find(header: CompactJWSHeaderParameters): Promise<CryptoKey>;
}

/** There are no keys, or only some that are too old to be trusted. */
export class KeysUnavailable extends Error {}

export interface KeySourceOptions {
  readonly source: JwksSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly fetch: JwksFetch;
}

/** @throws RangeError when an inline set is no key set, or a URL is neither https nor http on loopback. */
export function createKeySource(options: KeySourceOptions): KeySource {
  const { source } = options;
  if (source.kind === 'inline') return new InlineKeys(source.jwks);
  return new RemoteKeys(source.url, options);
}

class InlineKeys implements KeySource {
  readonly generation = 0;
  readonly fetches = 0;
  readonly fetchesFailed = 0;
  readonly #keys: LocalJWKSet;

  constructor(jwks: string) {
    const keys = parseJwks(jwks);
    if (keys === undefined) throw new RangeError('the inline keys are not a JSON Web Key Set');
    this.#keys = keys;
  }

  isCurrent(): boolean {
    return true;
  }

  refreshIfOld(): void {
    // Inline keys change with the configuration only.
  }

  find(header: CompactJWSHeaderParameters): Promise<CryptoKey> {
    return this.#keys(header);
  }
}

/**
 * Keys behind a URL. Old keys are refreshed while they stay in use, so that neither a slow nor a broken key server stops
 * traffic at once; a token with an unknown key id makes us look once, and then not again before the cooldown is over.
 */
class RemoteKeys implements KeySource {
  readonly #url: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fetch: JwksFetch;
  #keys: LocalJWKSet | undefined;
  #text = '';
  #fetchedAtMs = 0;
  #nextFetchAtMs = 0;
  #pending: Promise<void> | undefined;
  #generation = 0;
  #fetches = 0;
  #fetchesFailed = 0;

  constructor(url: string, options: KeySourceOptions) {
    if (!isTrustworthy(url)) throw new RangeError(`keys must come over https (or http on a loopback address): ${url}`);
    this.#url = url;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#fetch = options.fetch;
  }

  get generation(): number {
    return this.#generation;
  }

  get fetches(): number {
    return this.#fetches;
  }

  get fetchesFailed(): number {
    return this.#fetchesFailed;
  }

  isCurrent(generation: number): boolean {
    return generation === this.#generation && this.#usable() !== undefined;
  }

  refreshIfOld(): void {
    if (this.#keys !== undefined && this.#ageMs() > KEYS_FRESH_MS) void this.#refresh();
  }

  async find(header: CompactJWSHeaderParameters): Promise<CryptoKey> {
    if (this.#usable() === undefined) await this.#refresh();
    const keys = this.#usable();
    if (keys === undefined) throw new KeysUnavailable();
    const generation = this.#generation;
    try {
      return await keys(header);
    } catch (cause) {
      if (!(cause instanceof errors.JWKSNoMatchingKey)) throw cause;
      await this.#refresh();
      if (this.#generation === generation || this.#keys === undefined) throw cause;
      return this.#keys(header);
    }
  }

  #ageMs(): number {
    return this.#clock.monotonicMs() - this.#fetchedAtMs;
  }

  #usable(): LocalJWKSet | undefined {
    return this.#keys !== undefined && this.#ageMs() <= KEYS_STALE_MS_MAX ? this.#keys : undefined;
  }

  /** Never rejects. Callers share one fetch; during the cooldown there is none. */
  #refresh(): Promise<void> {
    if (this.#pending !== undefined) return this.#pending;
    if (this.#clock.monotonicMs() < this.#nextFetchAtMs) return Promise.resolve();
    this.#pending = this.#fetchOnce().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #fetchOnce(): Promise<void> {
    this.#fetches += 1;
    try {
      const text = await this.#fetch(this.#url);
      const keys = parseJwks(text);
      if (keys === undefined) throw new Error('the answer is not a JSON Web Key Set');
      this.#fetchedAtMs = this.#clock.monotonicMs();
      this.#nextFetchAtMs = this.#fetchedAtMs + COOLDOWN_MS;
      if (text === this.#text) return;
      this.#text = text;
      this.#keys = keys;
      this.#generation += 1;
    } catch (cause) {
      this.#fetchesFailed += 1;
      this.#nextFetchAtMs = this.#clock.monotonicMs() + RETRY_MS;
      this.#log.warn('the keys of Cloudflare Access could not be fetched', { url: this.#url, cause });
    }
  }
}

/** Age after which keys are refreshed in the background, in milliseconds. Access rotates every six weeks. */
const KEYS_FRESH_MS = 600_000;

/**
 * Age after which keys no longer count, in milliseconds: one day. Access keeps an old key for seven days beside its
 * successor, so an outage of a day is no reason to lock everybody out, and a withdrawn key does not live for ever.
 */
const KEYS_STALE_MS_MAX = 86_400_000;

/** Time without another fetch after a good one, in milliseconds: invented key ids must not turn us against the key server. */
const COOLDOWN_MS = 30_000;

/** The same after a failed one. Shorter, because every request is refused meanwhile. */
const RETRY_MS = 5_000;

/** Loopback is for a sidecar that holds the keys: nobody in between could exchange them. */
function isTrustworthy(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  if (url.protocol === 'https:') return true;
  const address = IpAddress.parse(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  return url.protocol === 'http:' && address?.isLoopback === true;
}
