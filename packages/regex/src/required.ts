import { type ByteSet, bytesIn, bytesOf, NO_BYTE, sizeOfSet, unionOf, withBothCases } from './byte-set.ts';
import { REGEX_LIMITS } from './limits.ts';
import type { Node } from './syntax/ast.ts';

/**
 * Something that every text with a match contains: one of the literals (in lower case, compared without case, at
 * least two bytes long) or one of the bytes. A set looks for all clauses of all its patterns in one pass and runs
 * only the patterns whose clauses all hold.
 */
export interface Clause {
  readonly literals: readonly string[];
  readonly bytes: ByteSet;
}

/** The clauses of a pattern that are worth looking for, rarest first, at most `CLAUSES_MAX`; empty if there is none. */
export function requiredClauses(root: Node): Clause[] {
  const known = knowledgeOf(root);
  return rarestFew(known.exact === undefined ? known.clauses : clauseOf(known.exact));
}

/** The rarest clauses; fewer and fewer are carried up the tree, so that a long pattern does not drag thousands along. */
function rarestFew(clauses: readonly Clause[]): Clause[] {
  return clauses
    .map((clause) => ({ clause, frequency: frequencyOf(clause) }))
    .filter(({ frequency }) => frequency < USELESS_FREQUENCY)
    .toSorted((left, right) => left.frequency - right.frequency)
    .slice(0, CLAUSES_MAX)
    .map(({ clause }) => clause);
}

/** Clauses kept per pattern: the third and fourth rarely exclude what the first two let through. */
export const CLAUSES_MAX = 3;

/** A clause that holds in more than this part of ordinary values costs more than it saves. */
const USELESS_FREQUENCY = 0.9;

/** What is known of the texts that a node matches: all of them (folded), or clauses that hold for them. */
type Knowledge =
  | { readonly exact: readonly string[]; readonly clauses?: never }
  | { readonly exact?: undefined; readonly clauses: readonly Clause[] };

/** Literals that one concatenation may multiply out to. */
const PRODUCT_MAX = 24;
/** While the literals are so short that they occur everywhere, more of them are worth it. */
const SHORT_PRODUCT_MAX = 96;
/** A class of more bytes (case folded) is looked for as a class. */
const CLASS_LITERALS_MAX = 12;
/** Literals of this length are rare enough: the next byte begins a new clause. */
const LONG_ENOUGH = 8;

function knowledgeOf(node: Node): Knowledge {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return { exact: [''] };
    case 'bytes':
      return ofClass(node.set);
    case 'capture':
      return knowledgeOf(node.body);
    case 'alternate':
      return ofChoices(node.choices.map(knowledgeOf));
    case 'concat':
      return ofParts(node.parts);
    case 'repeat':
      return ofParts([node]);
  }
}

function ofClass(set: ByteSet): Knowledge {
  const known = CLASSES.get(set);
  if (known !== undefined) return known;
  const bytes = new Set(bytesIn(set).map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte)));
  const isSmall = bytes.size <= CLASS_LITERALS_MAX && bytes.size > 0;
  const knowledge: Knowledge = isSmall
    ? { exact: Array.from(bytes, (byte) => String.fromCharCode(byte)) }
    : { clauses: [{ literals: [], bytes: set }] };
  CLASSES.set(set, knowledge);
  return knowledge;
}

/** What was found out about a class; single bytes are the same object wherever they stand. */
const CLASSES = new WeakMap<ByteSet, Knowledge>();

function ofChoices(choices: readonly Knowledge[]): Knowledge {
  const exact = new Set(choices.flatMap((choice) => choice.exact ?? []));
  const isExact = choices.every((choice) => choice.exact !== undefined);
  if (isExact && exact.size <= REGEX_LIMITS.clauseLiteralsMax) return { exact: [...exact] };
  const literals = new Set<string>();
  let bytes = NO_BYTE;
  for (const choice of choices) {
    const best = rarest(choice.exact === undefined ? choice.clauses : clauseOf(choice.exact));
    if (best === undefined) return { clauses: [] };
    for (const literal of best.literals) literals.add(literal);
    if (literals.size > REGEX_LIMITS.clauseLiteralsMax) return { clauses: [] };
    bytes = unionOf(bytes, best.bytes);
  }
  return { clauses: [{ literals: [...literals], bytes }] };
}

/** Multiplies neighbours out as long as that stays small, and makes a clause of what was gathered where it does not. */
function ofParts(parts: readonly Node[]): Knowledge {
  let gathered: readonly string[] = [''];
  const clauses: Clause[] = [];
  let isExact = true;
  for (const part of parts) {
    const { head, isWhole } = headOf(part);
    const product = head.exact === undefined ? undefined : multiplied(gathered, head.exact);
    if (product !== undefined && isWhole && !isLong(gathered)) {
      gathered = product;
      continue;
    }
    isExact = false;
    clauses.push(...clauseOf(product !== undefined && !isLong(gathered) ? product : gathered));
    // Behind `a+` stands an `a` again, and behind a long literal its next byte: what follows goes on from there.
    gathered = head.exact ?? [''];
    if (head.exact === undefined) clauses.push(...rarestFew(head.clauses));
    else if (gathered.length > PRODUCT_MAX) {
      clauses.push(...clauseOf(gathered));
      gathered = [''];
    }
  }
  if (isExact) return { exact: gathered };
  return { clauses: rarestFew([...clauses, ...clauseOf(gathered)]) };
}

/** What stands at the beginning and at the end of a part; `isWhole` if that is all of it. */
function headOf(part: Node): { head: Knowledge; isWhole: boolean } {
  if (part.kind !== 'repeat') return { head: knowledgeOf(part), isWhole: true };
  const body = knowledgeOf(part.body);
  if (part.max === 1 && body.exact !== undefined)
    return { head: { exact: [...new Set([...body.exact, ''])] }, isWhole: true };
  if (part.min === 0) return { head: { clauses: [] }, isWhole: false };
  return { head: body, isWhole: false };
}

function multiplied(left: readonly string[], right: readonly string[]): readonly string[] | undefined {
  if (left.length === 1 && left[0] === '') return right.length <= REGEX_LIMITS.clauseLiteralsMax ? right : undefined;
  const isShort = left.every((literal) => literal.length < 3);
  if (left.length * right.length > (isShort ? SHORT_PRODUCT_MAX : PRODUCT_MAX)) return undefined;
  if (right.length === 1) return left.map((head) => head + (right[0] ?? ''));
  return [...new Set(left.flatMap((head) => right.map((tail) => head + tail)))];
}

function isLong(literals: readonly string[]): boolean {
  return literals.every((literal) => literal.length >= LONG_ENOUGH);
}

/** "One of these texts" as a clause; none if one of them is empty and so holds everywhere. */
function clauseOf(texts: readonly string[]): Clause[] {
  if (texts.some((text) => text === '')) return [];
  const cut = texts.map((text) => text.slice(0, REGEX_LIMITS.literalLengthMax));
  const singles = bytesOf(cut.filter((text) => text.length === 1).join(''));
  const literals = withoutContained([...new Set(cut.filter((text) => text.length > 1))]);
  return literals.length > REGEX_LIMITS.clauseLiteralsMax ? [] : [{ literals, bytes: withBothCases(singles) }];
}

/** A literal that contains another one of the clause adds nothing to it. */
function withoutContained(literals: readonly string[]): readonly string[] {
  if (literals.length > 64) return literals;
  return literals.filter((literal) => !literals.some((other) => other !== literal && literal.includes(other)));
}

function rarest(clauses: readonly Clause[]): Clause | undefined {
  let best: Clause | undefined;
  for (const clause of clauses) if (best === undefined || frequencyOf(clause) < frequencyOf(best)) best = clause;
  return best;
}

/**
 * How often the clause holds, roughly, as a part of values of some forty bytes. Only the order matters: a wrong guess
 * costs time, never a match.
 */
function frequencyOf({ literals, bytes }: Clause): number {
  let frequency = sizeOfSet(bytes) > 100 ? 1 : 0;
  if (frequency === 0) for (const byte of bytesIn(bytes)) frequency += frequencyOfByte(byte);
  for (const literal of literals) {
    let product = 1;
    for (let index = 0; index < literal.length; index++) product *= frequencyOfByte(literal.charCodeAt(index));
    frequency += product;
  }
  return Math.min(1, frequency * VALUE_LENGTH);
}

const VALUE_LENGTH = 40;

/** Letters of web traffic and prose by falling frequency. */
const COMMON = 'eaotinrslcdmupghbyfwvkxjqz';

function frequencyOfByte(byte: number): number {
  const letter = COMMON.indexOf(String.fromCharCode(byte));
  if (letter >= 0) return 0.08 / (1 + letter / 5);
  if (byte >= 0x30 && byte <= 0x39) return 0.01;
  if (byte === 0x20) return 0.08;
  // Upper case, then punctuation that addresses, names and sentences are full of, then everything else.
  if (byte >= 0x41 && byte <= 0x5a) return 0.004;
  if ('.,-/_'.includes(String.fromCharCode(byte))) return 0.01;
  return byte >= 0x80 ? 0.002 : 0.001;
}
