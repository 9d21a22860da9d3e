import {
  type Clock,
  DECISIONS_MAX,
  type Decision,
  type DecisionChange,
  type DecisionSnapshot,
  type IpAddress,
  type Network,
  parseNetwork,
} from '@sallyport/kernel';

/**
 * The decisions in force, as one worker knows them: a snapshot, and the changes after it in their order. Looked up for every
 * request, so a look-up costs one probe for each prefix length that occurs.
 */
export class DecisionTable {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Entry>();
  /** By family and prefix length, then by the network's bytes. Several decisions may be about one network. */
  readonly #prefixes = new Map<number, Map<string, Entry[]>>();
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The last change that was applied. */
  get sequence(): number {
    return this.#sequence;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** Begins anew. */
  replace({ sequence, decisions }: DecisionSnapshot): void {
    this.#byId.clear();
    this.#prefixes.clear();
    for (const decision of decisions) this.#add(decision);
    this.#sequence = sequence;
  }

  /**
   * Applies one change. One that was applied before changes nothing; false means that changes before it are missing, and
   * that the caller has to ask for a snapshot.
   */
  apply(change: DecisionChange): boolean {
    if (change.sequence <= this.#sequence) return true;
    if (change.sequence !== this.#sequence + 1) return false;
    this.#sequence = change.sequence;
    if (change.kind === 'take') this.#add(change.decision);
    else this.#remove(change.id);
    return true;
  }

  /** The ban that holds for an address: the longest network decides, and an allowance wins over a ban of the same length. */
  banOf(address: IpAddress): Decision | undefined {
    if (this.#byId.size === 0) return undefined;
    let longest = -1;
    let found: Decision | undefined;
    for (const [prefix, networks] of this.#prefixes) {
      const length = prefix >> 1;
      if ((prefix & 1) !== (address.version === 6 ? 1 : 0) || length < longest) continue;
      const entries = networks.get(keyOf(address.bytes, length));
      const decision = entries === undefined ? undefined : this.#strongest(entries);
      if (decision === undefined) continue;
      longest = length;
      found = decision;
    }
    return found?.kind === 'ban' ? found : undefined;
  }

  /** Forgets what has ended. Call from time to time; what has ended holds no longer even before that. */
  sweep(): void {
    const nowMs = this.#clock.wallMs();
    for (const { decision } of this.#byId.values())
      if (decision.endsMs !== undefined && decision.endsMs <= nowMs) this.#remove(decision.id);
  }

  #strongest(entries: readonly Entry[]): Decision | undefined {
    const nowMs = this.#clock.wallMs();
    let ban: Decision | undefined;
    for (const { decision } of entries) {
      if (decision.endsMs !== undefined && decision.endsMs <= nowMs) continue;
      if (decision.kind === 'allowance') return decision;
      ban ??= decision;
    }
    return ban;
  }

  #add(decision: Decision): void {
    const network = parseNetwork(decision.scope.value);
    if (network === undefined || this.#byId.size >= DECISIONS_MAX) return;
    this.#remove(decision.id);
    const prefix = prefixOf(network);
    const key = keyOf(network.address.bytes, network.prefixLength);
    const networks = this.#prefixes.get(prefix) ?? new Map<string, Entry[]>();
    const entry = { decision, prefix, key };
    networks.set(key, [...(networks.get(key) ?? []), entry]);
    this.#prefixes.set(prefix, networks);
    this.#byId.set(decision.id, entry);
  }

  #remove(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#byId.delete(id);
    const networks = this.#prefixes.get(entry.prefix);
    const left = networks?.get(entry.key)?.filter((other) => other !== entry) ?? [];
    if (left.length > 0) networks?.set(entry.key, left);
    else networks?.delete(entry.key);
    if (networks?.size === 0) this.#prefixes.delete(entry.prefix);
  }
}

interface Entry {
  readonly decision: Decision;
  readonly prefix: number;
  readonly key: string;
}

/** Twice the prefix length, and one more for IPv6. */
function prefixOf({ address, prefixLength }: Network): number {
  return prefixLength * 2 + (address.version === 6 ? 1 : 0);
}

/** The first `length` bits as a text of bytes. */
function keyOf(bytes: Readonly<Uint8Array>, length: number): string {
  const whole = length >> 3;
  let key = '';
  for (let index = 0; index < whole; index += 1) key += String.fromCharCode(bytes[index] ?? 0);
  const rest = length & 7;
  if (rest !== 0) key += String.fromCharCode((bytes[whole] ?? 0) & (0xff << (8 - rest)) & 0xff);
  return key;
}
