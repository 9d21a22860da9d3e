import { Buffer } from 'node:buffer';
import { REGEX_LIMITS } from './limits.ts';
import { uint8At } from './typed.ts';

/**
 * The text under search as bytes. Every text is read many times, by the prefilter and by each automaton that it leaves,
 * and a loop over bytes takes a fraction of one that asks a string for each of its units.
 */
export class TextBytes {
  #text = '';
  #buffer: Buffer = EMPTY;
  #bytes: Uint8Array = EMPTY_BYTES;
  /** By byte, 1 if it occurs in the text; says something only while `#isPresentKnown`. */
  readonly #present: Uint8Array = new Uint8Array(256);
  #isPresentKnown = false;
  /** Since the last text that needed a large buffer. */
  #shortTexts = 0;

  /** The bytes of a string of bytes, valid until the next call; behind the end of the text stands anything. */
  of(text: string): Uint8Array {
    if (text === this.#text) return this.#bytes;
    this.#fit(text.length);
    if (text.length > SHORT_BYTES) this.#buffer.write(text, 0, 'latin1');
    else for (let index = 0; index < text.length; index += 1) this.#bytes[index] = text.charCodeAt(index);
    this.#text = text;
    this.#isPresentKnown = false;
    return this.#bytes;
  }

  /** By byte value, 1 if the byte occurs in the text and 0 if not. Valid until the next call of any method. */
  present(text: string): Uint8Array {
    const bytes = this.of(text);
    const present = this.#present;
    if (this.#isPresentKnown) return present;
    present.fill(0);
    for (let index = 0; index < text.length; index += 1) present[uint8At(bytes, index)] = 1;
    this.#isPresentKnown = true;
    return present;
  }

  /** A buffer for ordinary texts is kept; a longer one goes when many shorter texts have come, not between two long ones. */
  #fit(length: number): void {
    const { textBytesKeptMax, textsBeforeShrinking } = REGEX_LIMITS;
    const isLarge = this.#buffer.length > textBytesKeptMax;
    this.#shortTexts = isLarge && length <= textBytesKeptMax ? this.#shortTexts + 1 : 0;
    if (length <= this.#buffer.length && this.#shortTexts < textsBeforeShrinking) return;
    // `#bytes` is of the plain class: a loop that sees one class of arrays is faster than one that sees two.
    const doubled = Math.min(textBytesKeptMax, this.#buffer.length * 2);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(length, isLarge ? 0 : doubled, BYTES_MIN));
    this.#bytes = new Uint8Array(this.#buffer.buffer);
    this.#shortTexts = 0;
  }
}

const EMPTY = Buffer.alloc(0);
const EMPTY_BYTES = new Uint8Array(0);

/** What a loop has copied before a call out of the language is made. */
const SHORT_BYTES = 32;

/** What a buffer begins with. */
const BYTES_MIN = 256;
