import { type LiteralImage, LiteralWalker } from './literal-automaton.ts';
import { int32At, uint8At } from './typed.ts';

/**
 * The walk of the literal automaton over long texts. A literal that occurs in a long text occurs in it again and again, and
 * to meet it once more says nothing new: in a copy of the rows the transition that met it becomes an ordinary one, so that
 * the loop stops only for what is new. `end` undoes that.
 */
export class LiteralRun {
  /** The place behind the byte that was read last. */
  place = 0;
  readonly #image: LiteralImage;
  readonly #walker: LiteralWalker;
  readonly #table: Int32Array;
  /** Where the copy differs from the rows. */
  readonly #changed: number[] = [];

  constructor(image: LiteralImage) {
    this.#image = image;
    this.#walker = new LiteralWalker(image);
    this.#table = Int32Array.from(image.table);
  }

  /**
   * Reads from `from`, up to the first byte that may complete a literal that was not met since `end`: returns the index
   * behind it, and -1 where nothing new is before `to`.
   */
  next(bytes: Uint8Array, from: number, to: number): number {
    const { classOf } = this.#image;
    const table = this.#table;
    const rowsEnd = table.length;
    for (let index = from; index < to; ) {
      let next: number;
      if (this.place < rowsEnd) {
        index = this.#skip(bytes, index, to);
        if (index === to) break;
        const at = this.place + uint8At(classOf, uint8At(bytes, index));
        next = int32At(table, at);
        if (next < 0) {
          table[at] = ~next;
          this.#changed.push(at);
        }
      } else next = this.#walker.behind(this.place, uint8At(classOf, uint8At(bytes, index)));
      index += 1;
      this.place = next < 0 ? ~next : next;
      if (next < 0) return index;
    }
    return -1;
  }

  /** Forgets the text. */
  end(): void {
    const { table } = this.#image;
    for (const at of this.#changed) this.#table[at] = int32At(table, at);
    this.#changed.length = 0;
    this.place = 0;
  }

  /**
   * Follows the rows as long as they lead to rows and to nothing new. A method of its own, and without calls, because every
   * byte of every long text goes through this loop.
   */
  #skip(bytes: Uint8Array, from: number, to: number): number {
    const { classOf } = this.#image;
    const table = this.#table;
    const rowsEnd = table.length;
    let place = this.place;
    let index = from;
    for (; index < to; index++) {
      const next = int32At(table, place + uint8At(classOf, uint8At(bytes, index)));
      // A negative one is large without its sign.
      if (next >>> 0 >= rowsEnd) break;
      place = next;
    }
    this.place = place;
    return index;
  }
}
