import { BoundedMap, type Clock } from '@sallyport/kernel';
import type { SessionRecord } from './contract.ts';
import { elapsedMs, type Moment, now } from './moment.ts';
import { isSecretOf, type KeptToken, newToken, readToken } from './token.ts';

export interface SessionLife {
  /** Milliseconds without a call after which a session ends. */
  readonly idleMs: number;
  /** Milliseconds after which it ends however much it is used. */
  readonly lifeMs: number;
}

/** An open session. Holds no secret. */
export interface Session {
  readonly id: string;
  readonly name: string;
  readonly as: 'bearer' | 'cookie';
}

/** What whoever opened a session is given, once. */
export interface OpenedSession {
  readonly session: Session;
  readonly token: string;
  /** A second secret, which a cookie does not carry. */
  readonly csrf: string;
}

/** Sessions of administrators. In memory: a restart ends them all. */
export class SessionBook {
  readonly #clock: Clock;
  readonly #life: SessionLife;
  /** The one that was used longest ago comes first, and leaves first. */
  readonly #sessions = new BoundedMap<string, Entry>({ entriesMax: SESSIONS_MAX });

  constructor(clock: Clock, life: SessionLife) {
    this.#clock = clock;
    this.#life = life;
  }

  /** `linkId`: the link it comes from. */
  open(order: { readonly name: string; readonly as: Session['as']; readonly linkId: string }): OpenedSession {
    this.#sweep();
    const token = newToken('session');
    const csrf = newToken('session');
    const session = { id: token.id, name: order.name, as: order.as };
    const created = now(this.#clock);
    this.#sessions.set(session.id, {
      session,
      linkId: order.linkId,
      kept: { id: token.id, hash: token.hash },
      csrf: { id: csrf.id, hash: csrf.hash },
      created,
      used: created,
    });
    return { session, token: token.text, csrf: csrf.text };
  }

  /** The session of a token, which is used by that. Undefined when there is none or it has ended. */
  find(text: string): Session | undefined {
    const entry = this.#entryOf(text);
    if (entry === undefined) return undefined;
    entry.used = now(this.#clock);
    this.#sessions.touch(entry.session.id);
    return entry.session;
  }

  /** Whether `text` is the second secret of a session. */
  isCsrfOf(id: string, text: string): boolean {
    const presented = readToken('session', text);
    const entry = this.#sessions.get(id);
    return presented !== undefined && entry !== undefined && isSecretOf(entry.csrf, presented.secret);
  }

  /** False when there is no such session. */
  revoke(id: string): boolean {
    return this.#sessions.delete(id);
  }

  /** Ends what a link opened. Answers its id. */
  revokeOfLink(linkId: string): string | undefined {
    for (const [id, entry] of this.#sessions.entries()) {
      if (entry.linkId !== linkId) continue;
      this.#sessions.delete(id);
      return id;
    }
    return undefined;
  }

  /** Sessions that are open, the last used first. `ownId`: the one that asks. */
  list(ownId: string | undefined): readonly SessionRecord[] {
    this.#sweep();
    return [...this.#sessions.entries()]
      .map(([, entry]) => this.#recordOf(entry, ownId))
      .toSorted((left, right) => right.lastUsedMs - left.lastUsedMs);
  }

  record(id: string): SessionRecord | undefined {
    const entry = this.#sessions.get(id);
    return entry === undefined ? undefined : this.#recordOf(entry, id);
  }

  #recordOf({ session, created, used }: Entry, ownId: string | undefined): SessionRecord {
    return {
      ...session,
      createdMs: created.wallMs,
      lastUsedMs: used.wallMs,
      expiresMs: created.wallMs + this.#life.lifeMs,
      isOwn: session.id === ownId,
    };
  }

  #entryOf(text: string): Entry | undefined {
    const presented = readToken('session', text);
    const entry = presented === undefined ? undefined : this.#sessions.get(presented.id);
    if (presented === undefined || entry === undefined || !isSecretOf(entry.kept, presented.secret)) return undefined;
    if (!this.#hasEnded(entry)) return entry;
    this.#sessions.delete(entry.session.id);
    return undefined;
  }

  #sweep(): void {
    for (const [id, entry] of this.#sessions.entries()) if (this.#hasEnded(entry)) this.#sessions.delete(id);
  }

  #hasEnded({ created, used }: Entry): boolean {
    return elapsedMs(this.#clock, created) >= this.#life.lifeMs || elapsedMs(this.#clock, used) >= this.#life.idleMs;
  }
}

interface Entry {
  readonly session: Session;
  readonly linkId: string;
  readonly kept: KeptToken;
  readonly csrf: KeptToken;
  readonly created: Moment;
  used: Moment;
}

/** Open sessions: administrators are few. One more, and the one that was used longest ago ends. */
const SESSIONS_MAX = 32;
