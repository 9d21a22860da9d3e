import { mutateBytes, mutateDraft } from './mutations.ts';
import { Random } from './random.ts';
import { type Expected, validRequest, written } from './valid-request.ts';

/** What one connection is sent. */
export interface Input {
  readonly index: number;
  /** Latin-1 text; each segment is written by itself. */
  readonly segments: readonly string[];
  /** What has to reach the upstream; undefined when the input was mutated and anything may be right. */
  readonly expected: readonly Expected[] | undefined;
}

const REQUESTS_MAX = 5;
const SEGMENTS_MAX = 6;

/** The input number `index` of `seed`. Nearly half stay valid; the others are changed at byte, line or structure level. */
export function inputOf(seed: number, index: number): Input {
  const random = new Random(seed, index);
  const count = random.once(2) ? 1 : 1 + random.below(REQUESTS_MAX);
  const drafts = Array.from({ length: count }, (_, position) => validRequest(random, position === count - 1));
  const expected = drafts.map((draft) => draft.expected);
  const kind = random.below(100);
  if (kind < VALID_PERCENT) return { index, segments: cut(random, drafts.map(written).join('')), expected };
  if (kind < VALID_PERCENT + STRUCTURE_PERCENT) {
    const target = drafts[random.below(count)];
    if (target !== undefined) mutateDraft(random, target);
  }
  let text = drafts.map(written).join('');
  if (kind >= VALID_PERCENT + STRUCTURE_PERCENT || random.once(8)) text = mutateBytes(random, text);
  return { index, segments: cut(random, text), expected: undefined };
}

const VALID_PERCENT = 45;
const STRUCTURE_PERCENT = 38;

/** Arbitrary pieces: a parser must not care where a packet ends. */
function cut(random: Random, text: string): readonly string[] {
  if (random.once(2)) return [text];
  const places = Array.from({ length: random.below(SEGMENTS_MAX) }, () => random.below(text.length + 1));
  const ends = [...places, text.length].toSorted((a, b) => a - b);
  return ends.map((end, position) => text.slice(ends[position - 1] ?? 0, end)).filter((segment) => segment !== '');
}
