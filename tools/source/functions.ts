import { lineOf, type Scan } from './scan.ts';

/** One function with a body in braces. */
export interface FunctionSpan {
  /** As it is called, or `(arrow)`. */
  readonly name: string;
  /** First and last line; the first is the one that holds the name. */
  readonly from: number;
  readonly to: number;
  /** A comment above it or in it explains its length: `Flat: ...`. */
  readonly isFlat: boolean;
}

/** Words before a parenthesis that do not begin a function. */
const CONTROL: ReadonlySet<string> = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await', 'super']);

/**
 * Every function of a file, nested ones too. It counts on Biome's formatting: a return type follows its parenthesis
 * without a space, and the colon of a conditional expression never does.
 */
export function functionsOf(scan: Scan): readonly FunctionSpan[] {
  const { code } = scan;
  const pairs = bracketPairs(code);
  return [...pairs].flatMap(([open, close]) => {
    if (code[open] !== '(') return [];
    const name = nameBefore(code, open);
    if (CONTROL.has(name)) return [];
    const bodyStart = bodyAfter(code, close, pairs);
    const bodyEnd = bodyStart === undefined ? undefined : pairs.get(bodyStart);
    if (bodyStart === undefined || bodyEnd === undefined || isSuite(code, open, bodyStart)) return [];
    const from = lineOf(code, open);
    const span = { name: name === '' ? '(arrow)' : name, from, to: lineOf(code, bodyEnd) };
    return [{ ...span, isFlat: hasFlatComment(scan, span) }];
  });
}

/** Where each bracket that opens is closed. */
function bracketPairs(code: string): ReadonlyMap<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (const { 0: bracket, index } of code.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(bracket)) {
      open.push(index);
      continue;
    }
    const start = open.pop();
    if (start !== undefined) pairs.set(start, index);
  }
  return pairs;
}

/** The identifier in front of a parenthesis, type parameters left out; '' when there is none. */
function nameBefore(code: string, open: number): string {
  const before = code.slice(Math.max(0, open - 300), open).replace(/<[^()]*>$/, '');
  return /(#?[\w$]+)\s*$/.exec(before)?.[1] ?? '';
}

/** The brace that opens the body of the function whose parameters end at `close`. */
function bodyAfter(code: string, close: number, pairs: ReadonlyMap<number, number>): number | undefined {
  const direct = /^\s*(?:=>\s*)?\{/.exec(code.slice(close + 1));
  if (direct !== null) return close + direct[0].length;
  if (code[close + 1] !== ':') return undefined;
  let previous = ':';
  let angles = 0;
  for (let at = close + 2; at < code.length; at += 1) {
    const character = code[at] ?? '';
    if (character.trim() === '') continue;
    // In front of a type stands an operator; in front of a body stands the type, or the arrow.
    if (character === '{' && !':|&<,('.includes(previous)) return at;
    if (character === '<') angles += 1;
    if (character === '>' && previous !== '=') angles -= 1;
    if (';)}'.includes(character) || (character === ',' && angles === 0)) return undefined;
    if (character === '=' && code[at + 1] !== '>') return undefined;
    at = pairs.get(at) ?? at;
    previous = character;
  }
  return undefined;
}

/** True for the callback of `describe(...)` and for a contract that declares suites: lists of tests, not functions to be read as one. */
function isSuite(code: string, open: number, bodyStart: number): boolean {
  const line = code.slice(code.lastIndexOf('\n', open) + 1, open);
  if (/^\s*(?:describe|suite)(?:\.each\([^)]*\))?\(/.test(line)) return true;
  const indent = /^ */.exec(line)?.[0] ?? '';
  const statement = new RegExp(`^${indent}(?:  (?:describe|suite|test|it)\\(|\\})`, 'm').exec(
    code.slice(bodyStart + 1),
  );
  return statement !== null && !statement[0].endsWith('}');
}

function hasFlatComment({ text, code, comments }: Scan, { from, to }: Pick<FunctionSpan, 'from' | 'to'>): boolean {
  const lines = code.split('\n');
  const originals = text.split('\n');
  let first = from;
  // The comment block directly above: lines that have text and no code.
  while (first > 1 && lines[first - 2]?.trim() === '' && originals[first - 2]?.trim() !== '') first -= 1;
  return comments.some(({ start, value }) => {
    const line = lineOf(text, start);
    return /\bFlat: \S/.test(value) && line >= first && line <= to;
  });
}
