import { allocateBlock, BLOCK_WORDS, LINE_WORDS, openBlock, requireWhole, shapeOf } from './block.ts';

/**
 * What a worker is doing. `absent`: nobody is in the slot. `starting`: not yet ready. `ready`: takes connections.
 * `draining`: takes no more. `failed`: has ended or is being ended, and its remains are not yet cleared away.
 */
export type WorkerState = 'absent' | 'starting' | 'ready' | 'draining' | 'failed';

/**
 * What workers tell about themselves in shared memory, one slot for each: a heartbeat, a state, and how many connections
 * they have. The acceptor reads whom to give the next connection, the watchdog who has stopped.
 */
export class WorkerBoard {
  readonly buffer: SharedArrayBuffer;
  readonly slots: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  #next = 0;

  /** Memory for a board of 1 to 64 slots. @throws RangeError for another number. */
  static allocate(slots: number): SharedArrayBuffer {
    requireWhole('slots', slots, [1, BOARD_SLOTS_MAX]);
    return allocateBlock('worker-board', [slots], (BLOCK_WORDS + slots * LINE_WORDS) * 4);
  }

  /** The board in `buffer`. @throws TypeError when it holds none. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = openBlock(buffer, 'worker-board');
    this.slots = shapeOf(this.#words, 0);
  }

  /** One sign of life. The worker itself, from its event loop. */
  beat(slot: number): void {
    Atomics.add(this.#words, this.#at(slot, BEATS), 1);
  }

  /** Signs of life so far, modulo 2^32: only whether they differ from an earlier reading says something. */
  beats(slot: number): number {
    return Atomics.load(this.#words, this.#at(slot, BEATS)) >>> 0;
  }

  state(slot: number): WorkerState {
    return STATES[Atomics.load(this.#words, this.#at(slot, STATE))] ?? 'failed';
  }

  setState(slot: number, state: WorkerState): void {
    Atomics.store(this.#words, this.#at(slot, STATE), STATES.indexOf(state));
  }

  /**
   * Changes a state only when it is still `from`, and says whether it was: the worker that becomes ready and the watchdog
   * that gives it up cannot both win.
   */
  moveState(slot: number, from: WorkerState, to: WorkerState): boolean {
    const before = STATES.indexOf(from);
    return Atomics.compareExchange(this.#words, this.#at(slot, STATE), before, STATES.indexOf(to)) === before;
  }

  /** Connections of a worker: added by who accepts one, or hands it over, before it does; taken away by the worker when one ends. */
  addLoad(slot: number, by: number): void {
    Atomics.add(this.#words, this.#at(slot, LOAD), by);
  }

  load(slot: number): number {
    return Atomics.load(this.#words, this.#at(slot, LOAD));
  }

  /** Connections of all workers. */
  totalLoad(): number {
    let total = 0;
    for (let slot = 0; slot < this.slots; slot += 1) total += this.load(slot);
    return total;
  }

  /** Connections that are on their way to a worker: added by who hands one over, taken away by the worker when it has it. */
  addHanded(slot: number, by: number): void {
    Atomics.add(this.#words, this.#at(slot, HANDED), by);
  }

  /** The smallest load among `ready` slots that take what they are handed; undefined when there is none. */
  leastLoad(): number | undefined {
    let least: number | undefined;
    for (let slot = 0; slot < this.slots; slot += 1) {
      if (Atomics.load(this.#words, this.#at(slot, STATE)) !== READY || this.#isBehind(slot)) continue;
      const load = this.load(slot);
      if (least === undefined || load < least) least = load;
    }
    return least;
  }

  /**
   * The `ready` slot with the fewest connections, -1 when none is ready. Among equals they take turns. One that has not taken what
   * it was handed is the choice only where all are so.
   */
  leastLoaded(): number {
    let best = -1;
    let bestLoad = Number.POSITIVE_INFINITY;
    let isBestBehind = true;
    for (let step = 0; step < this.slots; step += 1) {
      const slot = (this.#next + step) % this.slots;
      if (Atomics.load(this.#words, this.#at(slot, STATE)) !== READY) continue;
      const load = this.load(slot);
      const isBehind = this.#isBehind(slot);
      if (isBehind === isBestBehind ? load >= bestLoad : isBehind) continue;
      best = slot;
      bestLoad = load;
      isBestBehind = isBehind;
    }
    if (best !== -1) this.#next = (best + 1) % this.slots;
    return best;
  }

  /** Empties a slot for a replacement: no load, `absent`. Only after its worker has ended. The heartbeat goes on counting. */
  clear(slot: number): void {
    Atomics.store(this.#words, this.#at(slot, LOAD), 0);
    Atomics.store(this.#words, this.#at(slot, HANDED), 0);
    this.setState(slot, 'absent');
  }

  #isBehind(slot: number): boolean {
    return Atomics.load(this.#words, this.#at(slot, HANDED)) >= HANDED_MAX;
  }

  #at(slot: number, word: number): number {
    if (!(slot >= 0 && slot < this.slots)) throw new RangeError(`the board has no slot ${slot}`);
    return BLOCK_WORDS + slot * LINE_WORDS + word;
  }
}

/**
 * Tells which workers stand still: whose heartbeat has not changed for `stillMs`, in readings of the board. A hang is an
 * event loop that does not turn, whatever it does instead.
 */
export class HeartbeatWatch {
  readonly #board: WorkerBoard;
  readonly #stillMs: number;
  readonly #seen: { beats: number; state: WorkerState; sinceMs: number }[] = [];
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(board: WorkerBoard, options: { readonly stillMs: number }) {
    this.#board = board;
    this.#stillMs = options.stillMs;
  }

  /** Reads the board and returns the slots that have stood still for too long while `ready` or `draining`. */
  look(nowMs: number): readonly number[] {
    const still: number[] = [];
    // Whoever looks has stood still too, as when a whole process is stopped and goes on: that says nothing about workers.
    const isBlind = nowMs - this.#lookedMs > this.#stillMs / 2;
    this.#lookedMs = nowMs;
    for (let slot = 0; slot < this.#board.slots; slot += 1) {
      const beats = this.#board.beats(slot);
      const state = this.#board.state(slot);
      const seen = this.#seen[slot];
      if (isBlind || seen === undefined || seen.beats !== beats || seen.state !== state) {
        this.#seen[slot] = { beats, state, sinceMs: nowMs };
      } else if (nowMs - seen.sinceMs >= this.#stillMs && (state === 'ready' || state === 'draining')) {
        still.push(slot);
      }
    }
    return still;
  }
}

const BOARD_SLOTS_MAX = 64;

const STATES: readonly WorkerState[] = ['absent', 'starting', 'ready', 'draining', 'failed'];
const READY = STATES.indexOf('ready');

// A slot is a cache line, so that workers do not disturb one another.
const BEATS = 0;
const STATE = 1;
const LOAD = 2;
const HANDED = 3;

/** A worker that turns its event loop takes as many in one turn; one that hangs must not get what others could serve. */
const HANDED_MAX = 64;
