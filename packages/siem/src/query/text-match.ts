/** What is searched: a string, or anything that gives out code units as one. */
export interface Units {
  readonly length: number;
  charCodeAt(index: number): number;
}

/**
 * Finds `text` without regard to the case of ASCII letters. Clients write the values that operators search, so no value may
 * make a search slow: Knuth, Morris and Pratt, at most two looks at each code unit, whatever both texts are.
 */
export function containsMatcher(text: string): (value: Units) => boolean {
  const wanted = folded(text);
  const fallback = fallbackTable(wanted);
  return (value) => {
    if (wanted.length === 0) return true;
    let matched = 0;
    for (let index = 0; index < value.length; index += 1) {
      const unit = fold(value.charCodeAt(index));
      while (matched > 0 && unit !== wanted[matched]) matched = fallback[matched - 1] ?? 0;
      if (unit === wanted[matched]) matched += 1;
      if (matched === wanted.length) return true;
    }
    return false;
  };
}

export function startsWithMatcher(text: string): (value: Units) => boolean {
  const wanted = folded(text);
  return (value) => standsAt(value, 0, wanted);
}

export function endsWithMatcher(text: string): (value: Units) => boolean {
  const wanted = folded(text);
  return (value) => standsAt(value, value.length - wanted.length, wanted);
}

function standsAt(value: Units, start: number, wanted: Uint16Array): boolean {
  if (start < 0 || start + wanted.length > value.length) return false;
  for (let index = 0; index < wanted.length; index += 1) {
    if (fold(value.charCodeAt(start + index)) !== wanted[index]) return false;
  }
  return true;
}

/** For each length of a match: how much of the text a mismatch behind it leaves matched. */
function fallbackTable(wanted: Uint16Array): Uint16Array {
  const table = new Uint16Array(wanted.length);
  let matched = 0;
  for (let index = 1; index < wanted.length; index += 1) {
    while (matched > 0 && wanted[index] !== wanted[matched]) matched = table[matched - 1] ?? 0;
    if (wanted[index] === wanted[matched]) matched += 1;
    table[index] = matched;
  }
  return table;
}

function folded(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let index = 0; index < text.length; index += 1) units[index] = fold(text.charCodeAt(index));
  return units;
}

/** A to Z as a to z; nothing else, so that no locale decides what matches. */
function fold(unit: number): number {
  return unit >= 0x41 && unit <= 0x5a ? unit + 0x20 : unit;
}
