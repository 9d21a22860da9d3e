import type { Field } from '../schema/field.ts';
import { EVENT_SCHEMA, FIELD_NAMES } from '../schema/schema.ts';

/** The field somebody may have meant: by a small slip, by the end of its name, or by what ECS or Sigma calls it. */
export function suggestedField(word: string): string | undefined {
  const folded = word.toLowerCase();
  const foreign = FOREIGN_NAMES.get(folded);
  if (foreign !== undefined) return foreign;
  const ending = FIELD_NAMES.find((name) => name.toLowerCase().endsWith(`.${folded}`));
  return ending ?? nearest(word, FIELD_NAMES);
}

/** What ECS and Sigma call our fields, folded; the first field of a name has it. */
const FOREIGN_NAMES: ReadonlyMap<string, string> = new Map(
  Object.values(EVENT_SCHEMA.kinds)
    .flat()
    .flatMap((field) => foreignNames(field).map((name) => [name.toLowerCase(), field.name] as const))
    .toReversed(),
);

function foreignNames({ ecs, sigma = [] }: Field): readonly string[] {
  return ecs === undefined ? sigma : [ecs, ...sigma];
}

/** The candidate that the fewest slips lead to; undefined when even that one is another word. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > COMPARED_LENGTH_MAX) return undefined;
  const slipsMax = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly name: string; readonly slips: number } | undefined;
  for (const name of candidates) {
    const slips = slipsBetween(word.toLowerCase(), name.toLowerCase());
    if (slips <= slipsMax && (best === undefined || slips < best.slips)) best = { name, slips };
  }
  return best?.name;
}

/** Longest word that is compared with others: no name is as long. */
const COMPARED_LENGTH_MAX = 48;

/** Letters added, left out, changed, or swapped with their neighbour (optimal string alignment). */
function slipsBetween(left: string, right: string): number {
  let before: number[] = [];
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let at = 1; at <= left.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= right.length; to += 1) {
      const isSame = left[at - 1] === right[to - 1];
      const isSwap = at > 1 && to > 1 && left[at - 1] === right[to - 2] && left[at - 2] === right[to - 1];
      const slips = Math.min(cell(row, to) + 1, cell(next, to - 1) + 1, cell(row, to - 1) + (isSame ? 0 : 1));
      next.push(isSwap ? Math.min(slips, cell(before, to - 2) + 1) : slips);
    }
    before = row;
    row = next;
  }
  return cell(row, right.length);
}

function cell(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
