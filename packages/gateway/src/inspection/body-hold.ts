import type { HeldBytes } from './held-bytes.ts';

export interface BodyHoldOptions {
  /** Bytes that are held; a piece may bring more, and then is the last. */
  readonly bytesMax: number;
  readonly account: HeldBytes;
  /** Whose bytes they are: the client's network. */
  readonly client: string;
}

export type HoldResult = 'held' | 'longer' | 'client-full' | 'full';

/**
 * A body that waits for its judgement. Large pieces are kept as they came, because memory that is touched for the first time
 * costs more than what is done with it. Small ones are copied into blocks: a flood of one-byte chunks would otherwise cost a
 * hundred times its length. What is accounted is what is allocated, at most twice what came; an announced length is not believed
 * before its bytes are there.
 */
export class BodyHold {
  readonly #options: BodyHoldOptions;
  /** What came, in order; the last one may be a part of `#block`. */
  #pieces: Buffer[] = [];
  /** Small pieces go here. */
  #block: Buffer = EMPTY;
  /** Of the block: what it held when the last piece began, and what it holds. */
  #blockStart = 0;
  #blockEnd = 0;
  /** Bytes of small pieces. */
  #copiedBytes = 0;
  #length = 0;
  #takenBytes = 0;

  constructor(options: BodyHoldOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  /** `longer`: with this piece it is longer than it may be; the piece has been taken. It belongs to the hold then. */
  add(piece: Buffer): HoldResult {
    if (piece.length === 0) return 'held';
    const taken = this.#isKept(piece) ? this.#keep(piece) : this.#copy(piece);
    if (taken !== 'taken') return taken;
    this.#length += piece.length;
    return this.#length > this.#options.bytesMax ? 'longer' : 'held';
  }

  /** What came so far. It is the holder's: nobody writes to it again. */
  bytes(): Buffer {
    this.#closeBlock();
    const [only] = this.#pieces;
    if (only === undefined) return EMPTY;
    if (this.#pieces.length === 1) return only;
    const whole = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [whole];
    this.#block = EMPTY;
    this.#blockStart = 0;
    this.#blockEnd = 0;
    // Nothing when it was released before.
    this.#give(Math.max(0, this.#takenBytes - whole.length));
    return whole;
  }

  /** Gives the account its bytes back. Safe to call twice. */
  release(): void {
    this.#give(this.#takenBytes);
  }

  /** The first piece, because most bodies have no other, and what is large and does not hang on to much else. */
  #isKept(piece: Buffer): boolean {
    if (piece.buffer.byteLength > piece.length * 2) return false;
    return this.#length === 0 || piece.length >= KEPT_BYTES_MIN;
  }

  #keep(piece: Buffer): 'taken' | 'client-full' | 'full' {
    const taken = this.#take(piece.buffer.byteLength);
    if (taken !== 'taken') return taken;
    this.#closeBlock();
    this.#pieces.push(piece);
    return 'taken';
  }

  #copy(piece: Buffer): 'taken' | 'client-full' | 'full' {
    const room = this.#block.length - this.#blockEnd;
    const rest = piece.length - room;
    if (rest > 0) {
      // Blocks double, so that they are few, and never larger than what was copied before.
      const size = Math.max(rest, Math.min(Math.max(this.#copiedBytes, FIRST_BYTES), KEPT_BYTES_MIN));
      const taken = this.#take(size);
      if (taken !== 'taken') return taken;
      this.#fill(piece.subarray(0, room));
      this.#closeBlock();
      this.#block = Buffer.allocUnsafeSlow(size);
      this.#blockStart = 0;
      this.#blockEnd = 0;
    }
    this.#fill(rest > 0 ? piece.subarray(room) : piece);
    return 'taken';
  }

  #fill(bytes: Buffer): void {
    this.#block.set(bytes, this.#blockEnd);
    this.#blockEnd += bytes.length;
    this.#copiedBytes += bytes.length;
  }

  /** What the block has got since the last piece is the next one. */
  #closeBlock(): void {
    if (this.#blockEnd > this.#blockStart) this.#pieces.push(this.#block.subarray(this.#blockStart, this.#blockEnd));
    this.#blockStart = this.#blockEnd;
  }

  #take(bytes: number): 'taken' | 'client-full' | 'full' {
    const { account, client } = this.#options;
    const taken = account.take(client, bytes);
    if (taken === 'taken') this.#takenBytes += bytes;
    return taken;
  }

  #give(bytes: number): void {
    const { account, client } = this.#options;
    this.#takenBytes -= bytes;
    account.give(client, bytes);
  }
}

const EMPTY = Buffer.alloc(0);

/** Most bodies that come in small pieces are smaller. */
const FIRST_BYTES = 4_096;

/** A piece of this size is worth a place of its own. */
const KEPT_BYTES_MIN = 16_384;
