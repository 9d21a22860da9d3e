import { problem, quoted, type TextProblem } from './problem.ts';

/** `word`: as it stands; `text`: it stood in quotes, and `text` is what they hold; `symbol`: an operator, bracket or comma. */
export interface Token {
  readonly kind: 'word' | 'text' | 'symbol' | 'end';
  readonly text: string;
  readonly start: number;
}

export type Tokens =
  | { readonly kind: 'ready'; readonly tokens: readonly Token[] }
  | { readonly kind: 'refused'; readonly problem: TextProblem };

/** Takes a query apart; the last token is `end`. Every character is looked at once. */
export function tokensOf(text: string): Tokens {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    const first = text.charAt(at);
    if (SPACE.test(first)) at += 1;
    else if (first === '"' || first === "'") {
      const end = closingQuote(text, at);
      if (end === -1) return refused('a quoted text does not end', at, first);
      const value = unescaped(text.slice(at + 1, end));
      if (value === undefined) return refused('a quoted text has an escape that is none', at, '\\\\');
      tokens.push({ kind: 'text', text: value, start });
      at = end + 1;
    } else {
      const length = runLength(text, at);
      const kind = SYMBOL.test(first) ? 'symbol' : 'word';
      if (length === 0) return refused(`${quoted(first)} cannot stand here; quote it`, at, `"${first}"`);
      tokens.push({ kind, text: text.slice(at, at + length), start });
      at += length;
    }
  }
  tokens.push({ kind: 'end', text: '', start: text.length });
  return { kind: 'ready', tokens };
}

function refused(message: string, position: number, suggestion: string): Tokens {
  return { kind: 'refused', problem: problem(message, position, suggestion) };
}

const SPACE = /\s/;
const SYMBOL = /[(),=!<>~&|]/;

/** Sticky, and no part of them can match what the part before it did: a match costs its own length. */
const RUNS = [/[(),]/y, /[=!<>~&|]+/y, /[^\s(),=!<>~&|"'\p{Cc}]+/uy];

function runLength(text: string, at: number): number {
  for (const run of RUNS) {
    run.lastIndex = at;
    const length = run.exec(text)?.[0].length ?? 0;
    if (length > 0) return length;
  }
  return 0;
}

function closingQuote(text: string, open: number): number {
  const quote = text.charAt(open);
  for (let at = open + 1; at < text.length; at += 1) {
    if (text.charAt(at) === '\\') at += 1;
    else if (text.charAt(at) === quote) return at;
  }
  return -1;
}

const ESCAPE = /\\(?:u\{([0-9a-fA-F]{1,6})\}|([^u]))/g;
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', "'": "'" };

/** Undefined when a backslash stands before something it does not escape. */
function unescaped(body: string): string | undefined {
  let isWrong = false;
  const rest = body.replaceAll(ESCAPE, '');
  const value = body.replaceAll(ESCAPE, (_, digits: string | undefined, letter: string | undefined) => {
    const code = digits === undefined ? -1 : Number.parseInt(digits, 16);
    const char = letter === undefined ? charOf(code) : Object.hasOwn(ESCAPED, letter) ? ESCAPED[letter] : undefined;
    isWrong ||= char === undefined;
    return char ?? '';
  });
  return isWrong || rest.includes('\\') ? undefined : value;
}

function charOf(code: number): string | undefined {
  return code <= 0x10_ffff ? String.fromCodePoint(code) : undefined;
}
