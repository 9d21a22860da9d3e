/**
 * The candidate that `name` was most likely meant to be; undefined when none is near enough. Case counts as nothing,
 * a letter left out, added, changed or swapped with its neighbour as one; the beginning of a single candidate is near.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > NAME_MAX) return undefined;
  const abbreviated = candidates.filter((candidate) => candidate.toLowerCase().startsWith(name.toLowerCase()));
  if (name.length >= 3 && abbreviated.length === 1) return abbreviated[0];
  // A third of the letters may be wrong: more is another word.
  const distanceMax = Math.max(1, Math.floor(name.length / 3));
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = distanceBetween(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= distanceMax && (best === undefined || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/** Longest name that is compared, in UTF-16 units: the comparison costs the product of both lengths. */
const NAME_MAX = 64;

/** Optimal string alignment distance: Levenshtein with swaps of neighbours. */
function distanceBetween(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const isSame = left[row - 1] === right[column - 1];
      let distance = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwap) distance = Math.min(distance, (beforeLast[column - 2] ?? 0) + 1);
      current.push(distance);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}
