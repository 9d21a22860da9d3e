/**
 * True structure of a value that stands inside a string of a script: it closes the string, calls something, and makes
 * what follows harmless to the parser, by a comment or by opening the string again. Returns the quote it closes.
 */
export function breaksOutOfScript(value: string): 'single' | 'double' | 'backquote' | undefined {
  for (const [context, quote] of QUOTES) {
    const close = value.indexOf(quote);
    if (close < 0 || value.charAt(close - 1) === '\\') continue;
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
  if (/(?:\/\/|<!--|\/\*)[^\n)]*$/.test(tail)) return true;
  const reopened = tail.lastIndexOf(quote);
  return (
    reopened >= 0 && /[-+*/%^|&,?:;<>=(]\s*$/.test(tail.slice(0, reopened)) && !tail.slice(reopened + 1).includes(')')
  );
}
