import type { RegexImage } from './image.ts';
import { INSTRUCTION_WORDS, OPERATION, type Program } from './program.ts';

/** How many texts of each kind are made. */
const TEXTS_PER_KIND = 4;
/** Bytes of a walk before it turns back to the beginning. */
const WALK_MAX = 48;

/**
 * Texts that make engines work hard on a pattern, made from the pattern itself: parts of matches that are never
 * completed, bytes that keep its loops going, and loops behind a beginning that gets there. For tests of rule sets and
 * of engines. `seed` chooses; the same seed gives the same texts. Each has exactly `length` bytes, and may match.
 */
export function hostileTexts(image: RegexImage, length: number, seed = 1): string[] {
  const walker = new Walker(image.program, seed);
  const texts: string[] = [];
  for (let count = 0; count < TEXTS_PER_KIND; count++) {
    const { head, loop } = walker.lasso();
    texts.push(filled('', loop, length), filled(head, loop, length), filled('', head + loop, length));
    texts.push(filled('', walker.walk(1 + (count % 2) * WALK_MAX), length));
    texts.push(walker.mixture(length));
  }
  return [...new Set(texts)];
}

class Walker {
  readonly #program: Program;
  #seed: number;

  constructor(program: Program, seed: number) {
    this.#program = program;
    this.#seed = seed;
  }

  /** The bytes of a walk through the automaton that stops before a match. */
  walk(bytesMax: number): string {
    let text = '';
    let place = this.#program.anchoredStart;
    while (text.length < bytesMax) {
      const at = this.#toBytes(place);
      if (at < 0) break;
      text += this.#byteAt(at);
      place = this.#program.code[at * INSTRUCTION_WORDS + 1] ?? 0;
    }
    // The last byte may have completed a match: most matches need it.
    return text.length > 1 ? text.slice(0, -1) : text || 'a';
  }

  /** A beginning, and bytes that lead from where it ends back to there. */
  lasso(): { head: string; loop: string } {
    let text = '';
    let place = this.#program.anchoredStart;
    const seenAt = new Map<number, number>();
    for (let count = 0; count < WALK_MAX; count++) {
      const at = this.#toBytes(place);
      if (at < 0) break;
      const before = seenAt.get(at);
      if (before !== undefined) return { head: text.slice(0, before), loop: text.slice(before) };
      seenAt.set(at, text.length);
      text += this.#byteAt(at);
      place = this.#program.code[at * INSTRUCTION_WORDS + 1] ?? 0;
    }
    return { head: '', loop: text.slice(0, -1) || 'a' };
  }

  /** Short walks one behind the other. */
  mixture(length: number): string {
    let text = '';
    while (text.length < length) text += this.walk(2 + this.#below(12));
    return text.slice(0, length);
  }

  /** The next instruction that reads a byte, taking splits at random; -1 at a match. */
  #toBytes(from: number): number {
    const { code } = this.#program;
    let place = from;
    for (let hops = 0; hops < 10_000; hops++) {
      const at = place * INSTRUCTION_WORDS;
      const next = code[at + 1] ?? 0;
      if (code[at] === OPERATION.bytes) return place;
      if (code[at] === OPERATION.match) return -1;
      place = code[at] === OPERATION.split && this.#below(2) === 1 ? (code[at + 2] ?? 0) : next;
    }
    return -1;
  }

  /** A byte of the set of an instruction; printable ones first, as attackers can send those everywhere. */
  #byteAt(place: number): string {
    const { code, sets } = this.#program;
    const set = code[place * INSTRUCTION_WORDS + 2] ?? 0;
    const first = this.#below(256);
    for (let offset = 0; offset < 256; offset++) {
      const byte = (first + offset) & 0xff;
      if ((((sets[set + (byte >>> 5)] ?? 0) >>> (byte & 31)) & 1) === 1) return String.fromCharCode(byte);
    }
    return 'a';
  }

  #below(bound: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0;
    return (this.#seed >>> 8) % bound;
  }
}

function filled(head: string, unit: string, length: number): string {
  const text = head + (unit === '' ? 'a' : unit).repeat(Math.ceil(length / Math.max(unit.length, 1)));
  return text.slice(0, length);
}
