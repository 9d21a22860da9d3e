import { isUtf8 } from 'node:buffer';

/**
 * UTF-8 validity (RFC 3629) of a text that arrives in pieces.
 *
 * It keeps three numbers and no bytes, so a text message of any length can be judged while it passes.
 */
export class Utf8Validator {
  /** Continuation bytes the sequence in progress still needs, 0 to 3. */
  #missing = 0;
  /** Range of the next continuation byte: overlong forms, surrogates and values above U+10FFFF are excluded here. */
  #low = 0x80;
  #high = 0xbf;

  /** True when the text so far does not end inside a sequence. */
  get isComplete(): boolean {
    return this.#missing === 0;
  }

  /** Takes `bytes[start, end)`; false when the text can no longer become valid. `view` is a view of the same bytes. */
  push(bytes: Buffer, view: DataView, start: number, end: number): boolean {
    if (end - start < NATIVE_BYTES_MIN) return this.#step(view, start, end);
    // The native check judges whole sequences only: ours finishes the one in progress and begins the one that is cut off.
    let from = start;
    while (this.#missing > 0 && from < end) {
      if (!this.#step(view, from, from + 1)) return false;
      from += 1;
    }
    const to = lastBoundary(view, from, end);
    if (to > from && !isUtf8(bytes.subarray(from, to))) return false;
    return this.#step(view, to, end);
  }

  #step(view: DataView, start: number, end: number): boolean {
    for (let at = start; at < end; at += 1) {
      const byte = view.getUint8(at);
      if (this.#missing === 0) {
        if (byte >= 0x80 && !this.#lead(byte)) return false;
        continue;
      }
      if (byte < this.#low || byte > this.#high) return false;
      this.#missing -= 1;
      this.#low = 0x80;
      this.#high = 0xbf;
    }
    return true;
  }

  /** RFC 3629 §4: the first byte decides how many follow and what the second may be. */
  #lead(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false;
    if (byte < 0xe0) {
      this.#missing = 1;
      return true;
    }
    this.#missing = byte < 0xf0 ? 2 : 3;
    if (byte === 0xe0) this.#low = 0xa0;
    if (byte === 0xed) this.#high = 0x9f;
    if (byte === 0xf0) this.#low = 0x90;
    if (byte === 0xf4) this.#high = 0x8f;
    return true;
  }
}

/** Below this many bytes the loop is cheaper than the call into the native check, which costs what the loop needs for 100. */
const NATIVE_BYTES_MIN = 96;

/** Where the last sequence of `[start, end)` begins if it is not whole, else `end`. Looks at no more than three bytes. */
function lastBoundary(view: DataView, start: number, end: number): number {
  for (let back = 1; back <= 3 && end - back >= start; back += 1) {
    const byte = view.getUint8(end - back);
    if (byte < 0x80) return end;
    if (byte >= 0xc0) return sequenceBytes(byte) > back ? end - back : end;
  }
  return end;
}

function sequenceBytes(lead: number): number {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}
