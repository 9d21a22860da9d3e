import { Buffer } from 'node:buffer';

/**
 * What a transformation makes of a text, byte by byte. A string that grows by pieces is a tree of them: for a megabyte of
 * escapes hundreds of thousands of objects, which cost more than all the rules that then look at the text.
 */
export class ByteWriter {
  #buffer: Buffer = Buffer.alloc(0);
  #bytes: Uint8Array = this.#buffer;
  #length = 0;
  /** Since the last text that needed a large buffer. */
  #shortTexts = 0;

  /** Begins a text of at most `bytesMax` bytes; what was written before is gone. */
  begin(bytesMax: number): void {
    this.#length = 0;
    const isLarge = this.#buffer.length > BYTES_KEPT_MAX;
    this.#shortTexts = isLarge && bytesMax <= BYTES_KEPT_MAX ? this.#shortTexts + 1 : 0;
    if (bytesMax <= this.#buffer.length && this.#shortTexts < TEXTS_BEFORE_SHRINKING) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(bytesMax, BYTES_MIN));
    this.#bytes = new Uint8Array(this.#buffer.buffer);
    this.#shortTexts = 0;
  }

  get length(): number {
    return this.#length;
  }

  byte(byte: number): void {
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /**
   * Begins with the bytes of the text, or of that part of it, for transformations that make it shorter: they write over what
   * they have read, in the bytes that this returns, and `cut` what is behind.
   */
  over(text: string, from: number = 0, to: number = text.length): Uint8Array {
    this.begin(to - from);
    this.copy(text, from, to);
    return this.#bytes;
  }

  /** The byte at `index`, which is written already. */
  at(index: number): number {
    return this.#bytes[index] ?? 0;
  }

  /** Takes back everything from `length` on. */
  cut(length: number): void {
    this.#length = length;
  }

  copy(text: string, from: number, to: number): void {
    if (to - from >= COPIED_AT_ONCE_MIN) {
      this.#length += this.#buffer.write(text.slice(from, to), this.#length, 'latin1');
      return;
    }
    for (let index = from; index < to; index += 1) this.byte(text.charCodeAt(index));
  }

  /** A code point in UTF-8; U+FFFD for what is none. */
  codePoint(point: number): void {
    const isCharacter = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    const character = isCharacter ? point : 0xfffd;
    if (character < 0x80) return this.byte(character);
    if (character < 0x800) this.byte(0xc0 | (character >> 6));
    else {
      if (character < 0x10000) this.byte(0xe0 | (character >> 12));
      else {
        this.byte(0xf0 | (character >> 18));
        this.byte(0x80 | ((character >> 12) & 0x3f));
      }
      this.byte(0x80 | ((character >> 6) & 0x3f));
    }
    this.byte(0x80 | (character & 0x3f));
  }

  /** Changes every byte that was written by a table of 256. */
  map(table: Uint8Array): void {
    const bytes = this.#bytes;
    for (let index = 0; index < this.#length; index += 1) bytes[index] = table[bytes[index] ?? 0] ?? 0;
  }

  text(): string {
    return this.#buffer.toString('latin1', 0, this.#length);
  }
}

/** Each thread transforms one text at a time, so one is enough. */
export const writer: ByteWriter = new ByteWriter();

/** A buffer for ordinary texts is kept; a longer one goes when so many short texts have come. */
const BYTES_KEPT_MAX = 65_536;
const TEXTS_BEFORE_SHRINKING = 256;

/** What a buffer begins with. */
const BYTES_MIN = 1_024;

/** Bytes that a call into the runtime copies faster than a loop. */
const COPIED_AT_ONCE_MIN = 48;
