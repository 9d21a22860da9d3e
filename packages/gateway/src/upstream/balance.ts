/** The servers to choose from. Both lists have one entry per server. */
export interface Candidates {
  readonly weights: readonly number[];
  /** 1: may be chosen. */
  readonly eligible: Uint8Array;
}

/**
 * Smooth weighted round robin: in every run of as many choices as the weights add up to, each server is chosen as often
 * as its weight says, and the choices of a heavy server are spread over the run.
 */
export class SmoothRoundRobin {
  readonly #current: number[];

  constructor(serversCount: number) {
    this.#current = Array.from({ length: serversCount }, () => 0);
  }

  /** The index of the next server; -1 when none is eligible. */
  pick({ weights, eligible }: Candidates): number {
    let sum = 0;
    let best = -1;
    let highest = Number.NEGATIVE_INFINITY;
    weights.forEach((weight, index) => {
      if (eligible[index] !== 1) return;
      const current = (this.#current[index] ?? 0) + weight;
      this.#current[index] = current;
      sum += weight;
      if (current <= highest) return;
      highest = current;
      best = index;
    });
    if (best !== -1) this.#current[best] = highest - sum;
    return best;
  }
}

/**
 * The server with the fewest requests under way for its weight; -1 when none is eligible. Exact, because upstreams have
 * few servers. `start`, 0 or more, is where the search begins, so that servers with equal load take turns.
 */
export function leastConnections({ weights, eligible }: Candidates, active: readonly number[], start: number): number {
  let best = -1;
  let lowest = Number.POSITIVE_INFINITY;
  for (let step = 0; step < weights.length; step += 1) {
    const index = (start + step) % weights.length;
    if (eligible[index] !== 1) continue;
    const load = ((active[index] ?? 0) + 1) / (weights[index] ?? 1);
    if (load >= lowest) continue;
    lowest = load;
    best = index;
  }
  return best;
}

/**
 * Weighted rendezvous hashing: every server draws a number for the key, and the highest draw for its weight wins. When a
 * server leaves only its own keys move, and they spread over all others; when it returns exactly those come back.
 *
 * The hash has no secret, so that every gateway of a fleet, and the same one after a restart, makes the same choice. Load
 * is not evened out beyond that: a client that belongs to a server stays with it, and a flood from one network stays there
 * too.
 */
export class Rendezvous {
  readonly #seeds: readonly number[];

  /** `names` tell the servers apart; the same name draws the same numbers everywhere. */
  constructor(names: readonly string[]) {
    this.#seeds = names.map(fnv1a);
  }

  /** The index of the server for `key`; -1 when none is eligible. */
  pick({ weights, eligible }: Candidates, key: string): number {
    const hash = fnv1a(key);
    let best = -1;
    let lowest = Number.POSITIVE_INFINITY;
    this.#seeds.forEach((seed, index) => {
      if (eligible[index] !== 1) return;
      // Exponentially distributed with the weight as rate: the chance to be the smallest is the share of the weight.
      const draw = -Math.log((mix(hash ^ seed) + 0.5) / 2 ** 32) / (weights[index] ?? 1);
      if (draw >= lowest) return;
      lowest = draw;
      best = index;
    });
    return best;
  }
}

/** FNV-1a, 32 bits, over UTF-16 units. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** The finalizer of MurmurHash3: every bit of the input changes every bit of the result half the time. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
