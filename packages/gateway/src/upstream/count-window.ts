/** What happened within the last `windowMs`, in {@link BUCKETS} pieces. */
export class CountWindow {
  readonly #bucketMs: number;
  readonly #totals = new Float64Array(BUCKETS);
  readonly #marked = new Float64Array(BUCKETS);
  #bucket = 0;
  #total = 0;
  #markedTotal = 0;

  /** `windowMs`: milliseconds, more than 0. */
  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** Everything counted. */
  get total(): number {
    return this.#total;
  }

  /** What was counted by `addMarked`. */
  get marked(): number {
    return this.#markedTotal;
  }

  add(nowMs: number): void {
    const slot = this.#slot(nowMs);
    this.#totals[slot] = (this.#totals[slot] ?? 0) + 1;
    this.#total += 1;
  }

  /** Marks one of those that `add` counts; the caller decides whether it adds it as well. */
  addMarked(nowMs: number): void {
    const slot = this.#slot(nowMs);
    this.#marked[slot] = (this.#marked[slot] ?? 0) + 1;
    this.#markedTotal += 1;
  }

  /** Forgets what is too old. `total` and `marked` are exact after it. */
  moveTo(nowMs: number): void {
    this.#slot(nowMs);
  }

  clear(): void {
    this.#totals.fill(0);
    this.#marked.fill(0);
    this.#total = 0;
    this.#markedTotal = 0;
  }

  #slot(nowMs: number): number {
    const bucket = Math.floor(nowMs / this.#bucketMs);
    // A bucket older than the window is reached at most once per bucket, however long nothing happened.
    const first = Math.max(this.#bucket + 1, bucket - BUCKETS + 1);
    for (let passed = first; passed <= bucket; passed += 1) this.#drop(passed % BUCKETS);
    this.#bucket = Math.max(this.#bucket, bucket);
    return this.#bucket % BUCKETS;
  }

  #drop(slot: number): void {
    this.#total -= this.#totals[slot] ?? 0;
    this.#markedTotal -= this.#marked[slot] ?? 0;
    this.#totals[slot] = 0;
    this.#marked[slot] = 0;
  }
}

/** Pieces of a window: what is counted leaves it between `windowMs * 0.9` and `windowMs` later. */
const BUCKETS = 10;
