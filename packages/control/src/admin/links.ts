import { BoundedMap, type Clock } from '@sallyport/kernel';
import { elapsedMs, type Moment, now } from './moment.ts';
import { isSecretOf, type KeptToken, newToken, readToken } from './token.ts';

/** What became of a token that somebody presented. */
export type Redemption =
  | { readonly kind: 'redeemed'; readonly linkId: string; readonly name: string }
  /** `linkId`: set when the secret was right: somebody else may have had the link. */
  | { readonly kind: 'refused'; readonly why: 'unknown' | 'expired' | 'used'; readonly linkId: string | undefined };

/** Links that make somebody an administrator: each opens one session, within ten minutes. */
export class LinkBook {
  readonly #clock: Clock;
  readonly #links = new BoundedMap<string, Link>({ entriesMax: LINKS_OUTSTANDING_MAX });
  readonly #used = new BoundedMap<string, KeptToken>({ entriesMax: LINKS_REMEMBERED_MAX });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Makes a link for `name`. The oldest one that was not used makes room. */
  issue(name: string): { readonly token: string; readonly expiresMs: number } {
    const token = newToken('link');
    const issued = now(this.#clock);
    this.#links.set(token.id, { kept: { id: token.id, hash: token.hash }, name, issued, failures: 0 });
    return { token: token.text, expiresMs: issued.wallMs + LINK_LIFE_MS };
  }

  /** Uses a link up. */
  redeem(text: string): Redemption {
    const presented = readToken('link', text);
    if (presented === undefined) return UNKNOWN;
    const used = this.#used.get(presented.id);
    if (used !== undefined) {
      return isSecretOf(used, presented.secret) ? { kind: 'refused', why: 'used', linkId: used.id } : UNKNOWN;
    }
    const link = this.#links.get(presented.id);
    if (link === undefined) return UNKNOWN;
    if (!isSecretOf(link.kept, presented.secret)) {
      link.failures += 1;
      if (link.failures >= LINK_FAILURES_MAX) this.#links.delete(presented.id);
      return UNKNOWN;
    }
    this.#links.delete(presented.id);
    const isExpired = elapsedMs(this.#clock, link.issued) >= LINK_LIFE_MS;
    if (isExpired) return { kind: 'refused', why: 'expired', linkId: presented.id };
    this.#used.set(presented.id, link.kept);
    return { kind: 'redeemed', linkId: presented.id, name: link.name };
  }
}

interface Link {
  readonly kept: KeptToken;
  readonly name: string;
  readonly issued: Moment;
  failures: number;
}

const UNKNOWN: Redemption = { kind: 'refused', why: 'unknown', linkId: undefined };

/** Long enough to walk to another screen, short enough that a link in an old terminal is worth nothing. */
const LINK_LIFE_MS = 600_000;

/** Links that wait to be used. */
const LINKS_OUTSTANDING_MAX = 8;

/** Used links that are known again, to tell their owner that somebody was quicker. */
const LINKS_REMEMBERED_MAX = 64;

/** Wrong secrets after which a link is void. */
const LINK_FAILURES_MAX = 5;
