/** What is wrong with a text somebody typed, for that person. */
export interface TextProblem {
  /** One sentence. It quotes of the text what is wrong, control characters included: escape it for where it is shown. */
  readonly message: string;
  /** Where it is wrong, in UTF-16 units from the beginning. */
  readonly position: number;
  /** What may have been meant, to be put in its place. */
  readonly suggestion?: string;
}

export function problem(message: string, position: number, suggestion?: string): TextProblem {
  return suggestion === undefined ? { message, position } : { message, position, suggestion };
}

/** For a message: not longer than a person wants to read again. */
export function quoted(text: string): string {
  return `\`${text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text}\``;
}

/** Characters of a word that a message repeats. */
const QUOTED_MAX = 64;
