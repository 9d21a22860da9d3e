/** A random source with a seed: the same seed gives the same campaign on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Integer from 0 to before `bound` (mulberry32). */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  }

  isOneIn(chances: number): boolean {
    return this.below(chances) === 0;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }
}

/** A random pattern that V8 and this package read the same way, and what may be compared of their answers. */
export interface RandomPattern {
  readonly pattern: string;
  /** A text that the pattern might match: a walk through it that guesses at assertions and lengths. */
  sample(): string;
  /** Some repeat has a body that can be empty: ECMAScript then refuses empty passes that others take. */
  readonly hasEmptyLoop: boolean;
  /** Some capture stands in a repeat: ECMAScript then forgets it at every pass. */
  readonly hasLoopedCapture: boolean;
  /** A repeat stands in a repeat: a backtracking engine may need exponential time. */
  readonly hasNestedRepeat: boolean;
}

interface Piece {
  readonly text: string;
  readonly sample: () => string;
  readonly isNullable: boolean;
  readonly hasEmptyLoop: boolean;
  readonly hasCapture: boolean;
  readonly hasLoopedCapture: boolean;
  readonly hasRepeat: boolean;
  readonly hasNestedRepeat: boolean;
}

const WORDS = ['select', 'union', 'abc', 'ab', 'ba', 'aab', 'script', 'or', 'x0', 'passwd'] as const;
const CLASSES: readonly [readonly [string, string], ...(readonly [string, string])[]] = [
  ['[ab]', 'ab'],
  ['[^a]', 'bB0 \n-_'],
  ['[a-c]', 'abc'],
  ['\\d', '01'],
  ['\\w', 'aB0_'],
  ['\\W', ' -\n'],
  ['\\s', ' \n'],
  ['\\S', 'a-0'],
  ['.', 'ab 0-'],
  ['[^\\n0]', 'ab -'],
  ['[\\w-]', 'a-0'],
  ['[\\s\\S]', 'a\n0'],
  ['[^\\W_]', 'aB0'],
];
const ASSERTIONS = ['^', '$', '\\b', '\\B', '\\b', '(?:^|b)', '(?:$|a)'] as const;
const QUANTIFIERS: readonly [readonly [string, number, number], ...(readonly [string, number, number])[]] = [
  ['*', 0, 3],
  ['+', 1, 4],
  ['?', 0, 1],
  ['{2}', 2, 2],
  ['{1,3}', 1, 3],
  ['{0,2}', 0, 2],
  ['{2,}', 2, 5],
];

/** A random pattern of nesting at most `depth`. */
export function randomPattern(random: Random, depth: number): RandomPattern {
  const piece = alternation(random, depth);
  return {
    pattern: piece.text,
    sample: piece.sample,
    hasEmptyLoop: piece.hasEmptyLoop,
    hasLoopedCapture: piece.hasLoopedCapture,
    hasNestedRepeat: piece.hasNestedRepeat,
  };
}

/** A random text over the bytes that the patterns speak of. */
export function randomText(random: Random, lengthMax: number): string {
  let text = '';
  for (let length = random.below(lengthMax + 1); length > 0; length--) {
    text += random.isOneIn(12)
      ? random.pick(WORDS)
      : random.pick(['a', 'b', 'c', 'B', '0', '1', ' ', '-', '_', '\n', 'x', '\xe9']);
  }
  return text;
}

function alternation(random: Random, depth: number): Piece {
  const pieces = Array.from({ length: random.isOneIn(3) ? 1 + random.below(3) : 1 }, () => sequence(random, depth));
  return {
    ...facts(pieces),
    text: pieces.map(({ text }) => text).join('|'),
    sample: () => pieces[random.below(pieces.length)]?.sample() ?? '',
    isNullable: pieces.some(({ isNullable }) => isNullable),
  };
}

function sequence(random: Random, depth: number): Piece {
  const pieces = Array.from({ length: random.below(4) + (random.isOneIn(8) ? 0 : 1) }, () => item(random, depth));
  return {
    ...facts(pieces),
    text: pieces.map(({ text }) => text).join(''),
    sample: () => pieces.map((piece) => piece.sample()).join(''),
    isNullable: pieces.every(({ isNullable }) => isNullable),
  };
}

function item(random: Random, depth: number): Piece {
  const body = atom(random, depth);
  // ECMAScript refuses a quantifier on an assertion.
  if (/^(?:\^|\$|\\[bB])$/.test(body.text) || !random.isOneIn(3)) return body;
  const [quantifier, min, max] = random.pick(QUANTIFIERS);
  const text = body.text.length === 1 || /^(?:\(|\[|\\.$)/.test(body.text) ? body.text : `(?:${body.text})`;
  return {
    text: text + quantifier + (random.isOneIn(3) ? '?' : ''),
    sample: () => Array.from({ length: min + random.below(max - min + 1) }, body.sample).join(''),
    isNullable: body.isNullable || min === 0,
    hasEmptyLoop: body.hasEmptyLoop || body.isNullable,
    hasCapture: body.hasCapture,
    hasLoopedCapture: body.hasCapture,
    hasRepeat: true,
    hasNestedRepeat: body.hasRepeat,
  };
}

function atom(random: Random, depth: number): Piece {
  const choice = random.below(depth > 0 ? 12 : 9);
  if (choice < 3) {
    const letter = random.pick(['a', 'b', 'c', '0', ' ', '-', '_', 'B', '\\n']);
    return leaf(letter, () => (letter === '\\n' ? '\n' : letter));
  }
  if (choice < 5) {
    const word = random.pick(WORDS);
    return leaf(word, () => word);
  }
  if (choice < 8) {
    const [text, bytes] = random.pick(CLASSES);
    return leaf(text, () => bytes.charAt(random.below(bytes.length)));
  }
  if (choice === 8) return { ...leaf(random.pick(ASSERTIONS), () => ''), isNullable: true };
  const body = alternation(random, depth - 1);
  const isCapture = random.isOneIn(2);
  return { ...body, text: `${isCapture ? '(' : '(?:'}${body.text})`, hasCapture: body.hasCapture || isCapture };
}

function leaf(text: string, sample: () => string): Piece {
  return { ...facts([]), text, sample, isNullable: false };
}

function facts(pieces: readonly Piece[]): Omit<Piece, 'text' | 'sample' | 'isNullable'> {
  return {
    hasEmptyLoop: pieces.some(({ hasEmptyLoop }) => hasEmptyLoop),
    hasCapture: pieces.some(({ hasCapture }) => hasCapture),
    hasLoopedCapture: pieces.some(({ hasLoopedCapture }) => hasLoopedCapture),
    hasRepeat: pieces.some(({ hasRepeat }) => hasRepeat),
    hasNestedRepeat: pieces.some(({ hasNestedRepeat }) => hasNestedRepeat),
  };
}
