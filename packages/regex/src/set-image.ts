import { BYTE_VALUES, bytesIn } from './byte-set.ts';
import { RegexError } from './errors.ts';
import { compileParsed, IMAGE_VERSION, placeRegex, type RegexImage, SharedPlace } from './image.ts';
import { compileLiterals, folded, type LiteralImage } from './literal-automaton.ts';
import { CLAUSES_MAX, type Clause, requiredClauses } from './required.ts';
import type { RegexOptions } from './syntax/dialect.ts';

/** One member of a set: a pattern, a pattern with options of its own, or a list of phrases of which one must occur. */
export type SetMember =
  | string
  | { readonly pattern: string; readonly options?: RegexOptions }
  | { readonly phrases: readonly string[]; readonly ignoreCase?: boolean };

export interface SetOptions {
  /** For every pattern that brings none of its own. */
  readonly regex?: RegexOptions;
  /**
   * `existence` (default): the set says which members match, and finding where takes the slower simulation. `span`:
   * where is found as fast as by a single pattern, for twice the memory.
   */
  readonly answer?: 'existence' | 'span';
}

export type MemberImage =
  | RegexImage
  | { readonly kind: 'phrases'; readonly phrases: readonly string[]; readonly ignoreCase: boolean };

/** A compiled set: plain data and typed arrays, so that it survives `structuredClone` and `postMessage`. */
export interface RegexSetImage {
  readonly kind: 'set';
  readonly version: number;
  readonly members: readonly MemberImage[];
  readonly prefilter: PrefilterImage;
}

/**
 * One pass over a text that leaves few candidates. A member is a candidate when the bit of every plane is set:
 * plane 0 for its first clause, plane 1 for its second and so on. The planes lie one behind the other, `words` long.
 */
export interface PrefilterImage {
  readonly words: number;
  /** The planes before the first byte: set where a member has no such clause. */
  readonly initial: Int32Array;
  readonly literals: LiteralImage;
  /** By literal: the pairs (word of the planes, bits) that it sets. */
  readonly literalHits: Lists;
  /** By literal: the triples (member, phrase, 1 if case counts) of the phrase lists that it belongs to. */
  readonly phraseUses: Lists;
  /** By byte: the group of bytes it belongs to, as one bit of 62 in two words of 31. No group for most bytes. */
  readonly groupLow: Int32Array;
  readonly groupHigh: Int32Array;
  /** By group: the pairs (word of the planes, bits) that one of its bytes sets. */
  readonly groupHits: Lists;
}

/** Lists of numbers: list `n` is `values` from `begins[n]` to before `begins[n + 1]`. */
export interface Lists {
  readonly begins: Int32Array;
  readonly values: Int32Array;
}

/** Compiles a set. Throws `RegexError`, whose `member` says which one is to blame. */
export function compileSet(members: readonly SetMember[], options: SetOptions = {}): RegexSetImage {
  const clauses: Clause[][] = [];
  const images = members.map((member, index): MemberImage => {
    if (typeof member !== 'string' && 'phrases' in member) {
      clauses.push([]);
      return phraseImage(member, index);
    }
    const { image, required } = compileMember(member, index, options);
    clauses.push(required);
    return image;
  });
  return { kind: 'set', version: IMAGE_VERSION, members: images, prefilter: compilePrefilter(images, clauses) };
}

/** The set with all its typed arrays in one `SharedArrayBuffer`, see `shared`. */
export function sharedSet(image: RegexSetImage): RegexSetImage {
  const measure = new SharedPlace(undefined);
  placeSet(image, measure);
  return placeSet(image, new SharedPlace(new SharedArrayBuffer(measure.length)));
}

function compileMember(
  member: Exclude<SetMember, { phrases: readonly string[] }>,
  index: number,
  options: SetOptions,
): { image: RegexImage; required: Clause[] } {
  const [pattern, own] = typeof member === 'string' ? [member, undefined] : [member.pattern, member.options];
  try {
    const { image, parsed } = compileParsed(pattern, own ?? options.regex ?? {}, options.answer ?? 'existence');
    return { image, required: requiredClauses(parsed.root) };
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new RegexError(error.code, error.position, error.reason, index);
  }
}

function phraseImage(
  { phrases, ignoreCase = true }: Extract<SetMember, { phrases: readonly string[] }>,
  index: number,
): MemberImage {
  if (phrases.some((phrase) => phrase === '')) throw new RegexError('BAD_OPTION', -1, 'a phrase is empty', index);
  if (phrases.some((phrase) => /[^\0-\xff]/.test(phrase))) {
    throw new RegexError('NOT_BYTES', -1, 'a phrase has a code unit above 0xFF', index);
  }
  return { kind: 'phrases', phrases: [...phrases], ignoreCase };
}

function compilePrefilter(members: readonly MemberImage[], clauses: readonly (readonly Clause[])[]): PrefilterImage {
  const words = Math.ceil(members.length / 32);
  const literals = new Map<string, { hits: number[]; uses: number[] }>();
  const literal = (text: string): { hits: number[]; uses: number[] } => {
    const known = literals.get(text) ?? { hits: [], uses: [] };
    literals.set(text, known);
    return known;
  };
  const initial = new Int32Array(CLAUSES_MAX * words).fill(-1);
  const byteClauses: { clause: Clause; hit: readonly [number, number] }[] = [];
  for (const [index, member] of members.entries()) {
    const bit = 1 << (index & 31);
    const word = index >>> 5;
    if (member.kind === 'phrases') {
      const entries = member.phrases.map((phrase) => literal(folded(phrase)));
      for (const [phrase, { hits, uses }] of entries.entries()) {
        // Where case counts a hit leaves a candidate, and the scan has noted whether it is exact.
        hits.push(word, bit);
        uses.push(index, phrase, member.ignoreCase ? 0 : 1);
      }
      initial[word] = (initial[word] ?? 0) & ~bit;
    }
    for (const [plane, clause] of (clauses[index] ?? []).entries()) {
      const hit = [plane * words + word, bit] as const;
      initial[hit[0]] = (initial[hit[0]] ?? 0) & ~bit;
      for (const text of clause.literals) literal(text).hits.push(...hit);
      byteClauses.push({ clause, hit });
    }
  }
  const entries = [...literals.values()];
  return {
    words,
    initial,
    literals: compileLiterals([...literals.keys()]),
    literalHits: listsOf(entries.map(({ hits }) => mergedHits(hits))),
    phraseUses: listsOf(entries.map(({ uses }) => uses)),
    ...compileGroups(byteClauses),
  };
}

/** Bits for groups of bytes: two words of 31, so that every word stays a small integer. */
const GROUPS_MAX = 62;
export const GROUPS_PER_WORD = 31;

/** Bytes in the same clauses form a group. Too many groups share the last one: a few more candidates, no fewer. */
function compileGroups(
  byteClauses: readonly { clause: Clause; hit: readonly [number, number] }[],
): Pick<PrefilterImage, 'groupLow' | 'groupHigh' | 'groupHits'> {
  const clausesOfByte: number[][] = Array.from({ length: BYTE_VALUES }, () => []);
  for (const [index, { clause }] of byteClauses.entries()) {
    for (const byte of bytesIn(clause.bytes)) clausesOfByte[byte]?.push(index);
  }
  const groupOf = new Map<string, number>();
  const hits: number[][] = [];
  const groupLow = new Int32Array(BYTE_VALUES);
  const groupHigh = new Int32Array(BYTE_VALUES);
  for (const [byte, indices] of clausesOfByte.entries()) {
    if (indices.length === 0) continue;
    const key = indices.join();
    const group = groupOf.get(key) ?? Math.min(groupOf.size, GROUPS_MAX - 1);
    groupOf.set(key, group);
    const bit = 1 << (group % GROUPS_PER_WORD);
    if (group < GROUPS_PER_WORD) groupLow[byte] = bit;
    else groupHigh[byte] = bit;
    hits[group] = (hits[group] ?? []).concat(indices.flatMap((index) => byteClauses[index]?.hit ?? []));
  }
  return { groupLow, groupHigh, groupHits: listsOf(hits.map(mergedHits)) };
}

/** Pairs (word, bits) with one pair per word. */
function mergedHits(hits: readonly number[]): number[] {
  const merged = new Map<number, number>();
  for (let at = 0; at < hits.length; at += 2) {
    const word = hits[at] ?? 0;
    merged.set(word, (merged.get(word) ?? 0) | (hits[at + 1] ?? 0));
  }
  return [...merged].flat();
}

function listsOf(lists: readonly (readonly number[])[]): Lists {
  const begins = new Int32Array(lists.length + 1);
  for (const [index, list] of lists.entries()) begins[index + 1] = (begins[index] ?? 0) + list.length;
  return { begins, values: Int32Array.from(lists.flat()) };
}

function placeSet(image: RegexSetImage, place: SharedPlace): RegexSetImage {
  const { prefilter } = image;
  const { literals } = prefilter;
  const lists = ({ begins, values }: Lists): Lists => ({ begins: place.int32(begins), values: place.int32(values) });
  return {
    ...image,
    members: image.members.map((member) => (member.kind === 'regex' ? placeRegex(member, place) : member)),
    prefilter: {
      words: prefilter.words,
      initial: place.int32(prefilter.initial),
      literals: {
        classOf: place.uint8(literals.classOf),
        stride: literals.stride,
        table: place.int32(literals.table),
        failure: place.int32(literals.failure),
        firstChild: place.int32(literals.firstChild),
        symbol: place.uint8(literals.symbol),
        firstEnding: place.int32(literals.firstEnding),
        suffix: place.int32(literals.suffix),
        lengths: place.int32(literals.lengths),
      },
      literalHits: lists(prefilter.literalHits),
      phraseUses: lists(prefilter.phraseUses),
      groupLow: place.int32(prefilter.groupLow),
      groupHigh: place.int32(prefilter.groupHigh),
      groupHits: lists(prefilter.groupHits),
    },
  };
}
