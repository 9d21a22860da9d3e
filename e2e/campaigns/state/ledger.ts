/** A decision as the one who ordered it knows it. Ticks count what was sent and heard, in one order. */
interface Known {
  readonly sentTick: number;
  /** Undefined: no answer came. */
  ackedTick: number | undefined;
  endsMs: number | null | undefined;
  revocation: 'none' | 'sent' | 'acknowledged';
}

/** A row as the database has it. */
export interface StoredRow {
  readonly id: string;
  readonly key: string;
  readonly endsMs: number | null;
}

/** What was ordered of a gateway that is killed again and again, and what it has acknowledged. */
export class Ledger {
  readonly failures: string[] = [];
  acknowledged = 0;
  readonly #known = new Map<string, Known>();
  readonly #held: string[] = [];
  #tick = 0;

  send(key: string): void {
    this.#known.set(key, { sentTick: this.#next(), ackedTick: undefined, endsMs: undefined, revocation: 'none' });
  }

  acknowledge(key: string, id: string, endsMs: number | null): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    known.ackedTick = this.#next();
    known.endsMs = endsMs;
    this.acknowledged += 1;
    this.#held.push(`${key} ${id}`);
  }

  /** One that was acknowledged and is to be revoked now; undefined while there is none. */
  toRevoke(choose: (below: number) => number): { readonly key: string; readonly id: string } | undefined {
    if (this.#held.length === 0) return undefined;
    const [chosen = ''] = this.#held.splice(choose(this.#held.length), 1);
    const [key = '', id = ''] = chosen.split(' ');
    const known = this.#known.get(key);
    if (known !== undefined) known.revocation = 'sent';
    return { key, id };
  }

  acknowledgeRevocation(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    known.revocation = 'acknowledged';
    this.acknowledged += 1;
  }

  /** Compares what is stored, in its order, with what was acknowledged. */
  compare(rows: readonly StoredRow[], round: number): void {
    const stored = new Map(rows.map((row) => [row.key, row]));
    for (const [key, { ackedTick, endsMs, revocation }] of this.#known) {
      const row = stored.get(key);
      const isHeld = ackedTick !== undefined && revocation === 'none';
      if (isHeld && row === undefined) this.#fail(round, `decision ${key} was acknowledged and is lost`);
      if (revocation === 'acknowledged' && row !== undefined) this.#fail(round, `decision ${key} is back`);
      if (row !== undefined && endsMs !== undefined && row.endsMs !== endsMs)
        this.#fail(round, `${key} has another end`);
    }
    let lastSent = 0;
    for (const { key } of rows) {
      const known = this.#known.get(key);
      if (known === undefined) {
        this.#fail(round, `nobody has ordered ${key}`);
        continue;
      }
      // Ordered after another one was acknowledged, it cannot stand before that.
      if ((known.ackedTick ?? Number.POSITIVE_INFINITY) < lastSent) this.#fail(round, `${key} stands too late`);
      lastSent = Math.max(lastSent, known.sentTick);
    }
  }

  /** Every decision that was acknowledged has its entry. */
  compareAudit(details: readonly string[], round: number): void {
    const ids = new Set(details.map((detail) => /decision (\S+)$/.exec(detail)?.[1]));
    for (const held of this.#held) {
      const [key = '', id = ''] = held.split(' ');
      if (!ids.has(id)) this.#fail(round, `decision ${key} has no entry in the audit log`);
    }
  }

  #fail(round: number, why: string): void {
    this.failures.push(`after kill ${round}: ${why}`);
  }

  #next(): number {
    this.#tick += 1;
    return this.#tick;
  }
}
