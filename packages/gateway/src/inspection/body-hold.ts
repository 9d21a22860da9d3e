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
 * A body that waits for its judgement. Whatever size its pieces have, one copy of it is held: a flood of one-byte chunks
 * would otherwise cost a hundred times its length. What is accounted is what is allocated.
 */
export class BodyHold {
  readonly #options: BodyHoldOptions;
  #buffer: Buffer = EMPTY;
  #length = 0;
  #isReleased = false;

  constructor(options: BodyHoldOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  /** `longer`: with this piece it is longer than it may be; the piece has been taken. */
  add(piece: Uint8Array): HoldResult {
    const wanted = this.#length + piece.length;
    if (wanted > this.#buffer.length) {
      const grown = this.#grow(wanted);
      if (grown !== 'taken') return grown;
    }
    this.#buffer.set(piece, this.#length);
    this.#length = wanted;
    return wanted > this.#options.bytesMax ? 'longer' : 'held';
  }

  /** What came so far. It is the holder's: nobody writes to it again. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Gives the account its bytes back. Safe to call twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#options.account.give(this.#options.client, this.#buffer.length);
  }

  /** Doubles, so that copying stays linear; an announced length is not believed before its bytes are there. */
  #grow(wanted: number): 'taken' | 'client-full' | 'full' {
    const { account, client, bytesMax } = this.#options;
    const doubled = Math.min(Math.max(this.#buffer.length * 2, FIRST_BYTES), Math.max(bytesMax, FIRST_BYTES));
    const size = Math.max(wanted, doubled);
    const taken = account.take(client, size - this.#buffer.length);
    if (taken !== 'taken') return taken;
    const next = Buffer.allocUnsafeSlow(size);
    next.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = next;
    return 'taken';
  }
}

const EMPTY = Buffer.alloc(0);

/** Most bodies are smaller, and never grow. */
const FIRST_BYTES = 4_096;
