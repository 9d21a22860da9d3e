/**
 * True structure of a value that stands inside a string of a script: it closes the string, calls something, and makes
 * what follows harmless to the parser, by a comment or by opening the string again. Returns the quote it closes.
 */
export function breaksOutOfScript(value: string): 'single' | 'double' | 'backquote' | undefined {
  for (const [context, quote] of QUOTES) {
    const close = value.indexOf(quote);
    if (close < 0) continue;
    const tail = value.slice(close + 1);
    if (GOES_ON.test(tail) && CALLS.test(tail) && leavesNothingOpen(tail, quote)) return context;
  }
  return undefined;
}

const QUOTES = [
  ['single', "'"],
  ['double', '"'],
  ['backquote', '`'],
] as const;

/** Behind a string stands an operator, or the end of its statement. */
const GOES_ON = /^[\s)\]}]*(?:[-+*/%^|&,?:;<>=]|in\b|instanceof\b)/;

/** A call or a tagged template, an assignment to what navigates, or a constructor. */
const CALLS = /[\w$\])](?:\(|`)|\b(?:location|document|window|top|self)\b[^=]{0,40}=/;

function leavesNothingOpen(tail: string, quote: string): boolean {
  // Only the last line can be open, and only its last comment mark is looked at: one look each, not one per mark.
  const line = tail.slice(tail.lastIndexOf('\n') + 1);
  const mark = Math.max(line.lastIndexOf('//'), line.lastIndexOf('<!--'), line.lastIndexOf('/*'));
  if (mark >= 0 && !line.includes(')', mark)) return true;
  const reopened = tail.lastIndexOf(quote);
  if (reopened < 0 || tail.includes(')', reopened)) return false;
  return '-+*/%^|&,?:;<>=('.includes(tail.slice(0, reopened).trimEnd().slice(-1) || ' ');
}
