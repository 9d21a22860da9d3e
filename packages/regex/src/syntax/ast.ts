import { type ByteSet, isEqualSet, unionOf } from '../byte-set.ts';

/**
 * The syntax tree. Flags, case and dialect are resolved while parsing: what is left is a regular expression over
 * bytes, in the order of preference in which the pattern was written.
 */
export type Node =
  | { readonly kind: 'empty'; readonly size: number }
  | { readonly kind: 'bytes'; readonly size: number; readonly set: ByteSet }
  | { readonly kind: 'assertion'; readonly size: number; readonly assertion: Assertion }
  | { readonly kind: 'concat'; readonly size: number; readonly parts: readonly Node[] }
  | { readonly kind: 'alternate'; readonly size: number; readonly choices: readonly Node[] }
  | { readonly kind: 'capture'; readonly size: number; readonly index: number; readonly body: Node }
  | Repeat;

/** `body` at least `min` and at most `max` times (`Infinity` for no bound). */
export interface Repeat {
  readonly kind: 'repeat';
  readonly size: number;
  readonly body: Node;
  readonly min: number;
  readonly max: number;
  readonly isGreedy: boolean;
  /** Position of a possessive quantifier in the pattern, -1 for all others. */
  readonly possessiveAt: number;
}

/** Zero-width assertions: one bit each, so that a set of them is a number. */
export const ASSERTION = {
  /** `\A`, and `^` without multiline. */
  textStart: 1,
  /** `\z`, and `$` where the dialect says "very end". */
  textEnd: 2,
  /** `\Z`, and `$` of PCRE: at the very end, or before a newline that is the last byte. */
  textEndOrLastNewline: 4,
  /** `^` with multiline. */
  lineStart: 8,
  /** `$` with multiline. */
  lineEnd: 16,
  /** `\b`. */
  wordBoundary: 32,
  /** `\B`. */
  notWordBoundary: 64,
} as const;

export type Assertion = (typeof ASSERTION)[keyof typeof ASSERTION];

const EMPTY: Node = { kind: 'empty', size: 0 };

export function bytes(set: ByteSet): Node {
  return { kind: 'bytes', size: 1, set };
}

export function assertion(which: Assertion): Node {
  return { kind: 'assertion', size: 1, assertion: which };
}

export function capture(index: number, body: Node): Node {
  return { kind: 'capture', size: body.size + 2, index, body };
}

export function concat(parts: readonly Node[]): Node {
  const flat = parts.flatMap((part) => (part.kind === 'concat' ? part.parts : part.kind === 'empty' ? [] : [part]));
  const [only] = flat;
  if (only === undefined) return EMPTY;
  if (flat.length === 1) return only;
  return { kind: 'concat', size: sumOfSizes(flat), parts: flat };
}

/** The choices in order of preference; neighbours that are single bytes become one class, equal heads are shared. */
export function alternate(choices: readonly Node[]): Node {
  const flat = choices.flatMap((choice) => (choice.kind === 'alternate' ? choice.choices : [choice]));
  return alternation(shareHeads(mergeSingleBytes(flat), 0));
}

export function repeat(body: Node, quantifier: Pick<Repeat, 'min' | 'max' | 'isGreedy' | 'possessiveAt'>): Node {
  const { min, max } = quantifier;
  if (body.kind === 'empty' || max === 0) return EMPTY;
  if (min === 1 && max === 1) return body;
  const copies = max === Number.POSITIVE_INFINITY ? Math.max(min, 1) : max;
  return { kind: 'repeat', size: copies * (body.size + 1), body, ...quantifier };
}

/** True when the node can match without consuming a byte. */
export function isNullable(node: Node): boolean {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return true;
    case 'bytes':
      return false;
    case 'concat':
      return node.parts.every(isNullable);
    case 'alternate':
      return node.choices.some(isNullable);
    case 'capture':
      return isNullable(node.body);
    case 'repeat':
      return node.min === 0 || isNullable(node.body);
  }
}

function alternation(choices: readonly Node[]): Node {
  const [only] = choices;
  if (only === undefined) return EMPTY;
  if (choices.length === 1) return only;
  return { kind: 'alternate', size: sumOfSizes(choices) + choices.length - 1, choices };
}

function mergeSingleBytes(choices: readonly Node[]): Node[] {
  const merged: Node[] = [];
  for (const choice of choices) {
    const last = merged.at(-1);
    if (choice.kind === 'bytes' && last?.kind === 'bytes') {
      merged[merged.length - 1] = bytes(unionOf(last.set, choice.set));
    } else if (choice.kind === 'empty' && last?.kind === 'empty') {
      // The second way to match nothing is never the preferred one.
    } else merged.push(choice);
  }
  return merged;
}

/**
 * `abc|abd` becomes `ab(?:c|d)`: only neighbours that are plain words, so that the order of preference stays and the
 * tree grows deeper at its leaves alone. Word lists written as one alternation would otherwise cost one automaton
 * state per word and byte.
 */
function shareHeads(choices: readonly Node[], depth: number): Node[] {
  if (depth > SHARED_DEPTH_MAX || choices.length < 2) return [...choices];
  const words = choices.map(wordOf);
  const shared: Node[] = [];
  for (let start = 0; start < choices.length; ) {
    const head = words[start]?.[0];
    let end = start + 1;
    while (end < choices.length && isSameHead(head, words[end]?.[0])) end++;
    shared.push(...(end === start + 1 ? choices.slice(start, end) : [underCommonHead(words.slice(start, end), depth)]));
    start = end;
  }
  return shared;
}

/** Deep sharing gains nothing more, and every level is a level of recursion for all that walk the tree. */
const SHARED_DEPTH_MAX = 24;

function underCommonHead(words: readonly (readonly ByteSet[])[], depth: number): Node {
  const [first = []] = words;
  let length = 1;
  while (length < first.length && words.every((word) => isSameHead(first[length], word[length]))) length++;
  const tails = words.map((word) => concat(word.slice(length).map(bytes)));
  const choices = shareHeads(mergeSingleBytes(tails), depth + 1);
  return concat([...first.slice(0, length).map(bytes), alternation(choices)]);
}

/** The classes of a node that is nothing but classes in a row, else an empty list. */
function wordOf(node: Node): readonly ByteSet[] {
  if (node.kind === 'bytes') return [node.set];
  if (node.kind !== 'concat' || node.parts.some((part) => part.kind !== 'bytes')) return [];
  return node.parts.flatMap((part) => (part.kind === 'bytes' ? [part.set] : []));
}

function isSameHead(left: ByteSet | undefined, right: ByteSet | undefined): boolean {
  return left !== undefined && right !== undefined && isEqualSet(left, right);
}

function sumOfSizes(nodes: readonly Node[]): number {
  let size = 0;
  for (const node of nodes) size += node.size;
  return size;
}
