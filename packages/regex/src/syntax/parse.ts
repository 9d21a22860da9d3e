import { bytesOf, singleByte } from '../byte-set.ts';
import { REGEX_LIMITS } from '../limits.ts';
import { ASSERTION, alternate, assertion, bytes, capture, concat, type Node, repeat } from './ast.ts';
import { checkedCode, classNode, parseClass, quoted } from './class.ts';
import { Cursor } from './cursor.ts';
import type { Flags, ResolvedOptions } from './dialect.ts';
import { parseEscape } from './escape.ts';
import { checkPossessive } from './possessive.ts';
import { utf8Literal } from './utf8.ts';

/** A pattern as a tree, and its capture groups. */
export interface ParsedPattern {
  readonly root: Node;
  /** Capture groups without group 0. */
  readonly captures: number;
  /** Name and index of every named group, in order of index. */
  readonly names: readonly (readonly [name: string, index: number])[];
}

/**
 * Parses a pattern. Throws `RegexError` with the position of what is not a regular expression of the dialect, or not
 * a regular expression in the mathematical sense (look-around, back-references, atomic groups).
 */
export function parse(pattern: string, options: ResolvedOptions): ParsedPattern {
  const parser = new Parser(pattern, options);
  const root = parser.parse();
  if (parser.hasPossessive) checkPossessive(root);
  return { root, captures: parser.captures, names: parser.names };
}

/** A bracket expression whose end can be seen without reading it: nothing nested, nothing quoted, no bracket first. */
const PLAIN_BRACKET = /\[(?!\^?\])(?:[^[\]\\]|\\[^QEc])+\]/y;

class Parser {
  hasPossessive = false;
  captures = 0;
  readonly names: [string, number][] = [];
  readonly #cursor: Cursor;
  readonly #options: ResolvedOptions;
  readonly #isRe2: boolean;
  readonly #groups: number;
  readonly #brackets = new Map<string, Node>();
  #flags: Flags;
  #depth = 0;

  constructor(pattern: string, options: ResolvedOptions) {
    this.#cursor = new Cursor(pattern);
    this.#options = options;
    this.#isRe2 = options.dialect === 're2';
    this.#flags = options.flags;
    // Counted roughly: it only decides whether \12 is octal, and too many groups refuse where too few would guess.
    this.#groups = pattern.split('(').length - 1;
  }

  parse(): Node {
    const cursor = this.#cursor;
    if (cursor.pattern.length > REGEX_LIMITS.patternLengthMax) {
      cursor.fail(
        'TOO_LARGE',
        `longer than ${REGEX_LIMITS.patternLengthMax} characters`,
        REGEX_LIMITS.patternLengthMax,
      );
    }
    const root = this.#alternation();
    if (!cursor.isAtEnd) cursor.fail('UNBALANCED', 'this parenthesis was never opened');
    return root;
  }

  #alternation(): Node {
    const choices: Node[] = [];
    do choices.push(this.#sequence());
    while (this.#cursor.eat('|'));
    return alternate(choices);
  }

  #sequence(): Node {
    const cursor = this.#cursor;
    const parts: Node[] = [];
    for (;;) {
      this.#skipComments();
      const next = cursor.peek();
      if (next === '' || next === '|' || next === ')') return concat(parts);
      if (cursor.eat('\\Q')) {
        const literals = [...quoted(cursor)].map((literal) => this.#literal(literal.codePointAt(0) ?? 0));
        const last = literals.pop();
        // One by one: a quotation may be longer than an argument list can be.
        for (const literal of literals) parts.push(literal);
        if (last !== undefined) parts.push(this.#quantified(last));
      } else if (!cursor.eat('\\E')) {
        const atom = this.#atom();
        if (atom !== undefined) parts.push(this.#quantified(atom));
      }
    }
  }

  /** One thing that can be repeated; undefined for a change of flags, which cannot. */
  #atom(): Node | undefined {
    const cursor = this.#cursor;
    const at = cursor.position;
    const code = cursor.takeCodePoint();
    switch (String.fromCodePoint(code)) {
      case '(':
        return this.#group(at);
      case '[':
        return this.#bracket(at);
      case '.':
        return classNode(this.#flags.dotAll ? [] : [[0x0a, 0x0a]], true, this.#classContext());
      case '^':
        return assertion(this.#flags.multiline ? ASSERTION.lineStart : ASSERTION.textStart);
      case '$':
        return assertion(this.#dollar());
      case '\\':
        return this.#escape(at);
      case '{':
        cursor.position = at;
        if (this.#count() === undefined) return this.#literal(cursor.takeCodePoint(), at);
        return cursor.fail('NOTHING_TO_REPEAT', 'a quantifier follows nothing that it could repeat', at);
      case '*':
      case '+':
      case '?':
        return cursor.fail('NOTHING_TO_REPEAT', 'a quantifier follows nothing that it could repeat', at);
      default:
        return this.#literal(code, at);
    }
  }

  /** Large patterns repeat their classes hundreds of times: one tree node and one set for all of a kind. */
  #bracket(at: number): Node {
    const cursor = this.#cursor;
    cursor.position = at;
    const text = cursor.match(PLAIN_BRACKET);
    const key = `${this.#flags.ignoreCase}${text}`;
    const known = text === '' ? undefined : this.#brackets.get(key);
    if (known !== undefined) return known;
    cursor.position = at + 1;
    const node = parseClass(cursor, this.#classContext());
    if (text !== '') this.#brackets.set(key, node);
    return node;
  }

  #dollar(): typeof ASSERTION.lineEnd | typeof ASSERTION.textEnd | typeof ASSERTION.textEndOrLastNewline {
    if (this.#flags.multiline) return ASSERTION.lineEnd;
    return this.#options.dialect === 'pcre' ? ASSERTION.textEndOrLastNewline : ASSERTION.textEnd;
  }

  #escape(at: number): Node {
    const cursor = this.#cursor;
    const escape = parseEscape(cursor, { isRe2: this.#isRe2, isInClass: false, groups: this.#groups });
    switch (escape.kind) {
      case 'code':
        return this.#literal(escape.code, at);
      case 'class':
        return classNode(escape.ranges, escape.isNegated, this.#classContext());
      case 'assertion':
        return assertion(escape.assertion);
      case 'byte':
        return bytes(escape.set);
    }
  }

  #literal(code: number, at: number = this.#cursor.position): Node {
    const { isUtf8 } = this.#options;
    checkedCode(this.#cursor, code, at, { isUtf8 });
    if (isUtf8 && code > 0x7f) return utf8Literal(code);
    return bytes(singleByte(code, this.#flags.ignoreCase ? 'both-cases' : 'exact'));
  }

  #quantified(atom: Node): Node {
    const cursor = this.#cursor;
    this.#skipComments();
    const at = cursor.position;
    const count = this.#count();
    if (count === undefined) return atom;
    const [min, max] = count;
    const isLazy = cursor.eat('?');
    const isPossessive = !isLazy && cursor.eat('+');
    if (isPossessive && this.#isRe2) cursor.fail('POSSESSIVE_QUANTIFIER', 'RE2 knows no possessive quantifiers', at);
    this.hasPossessive ||= isPossessive;
    const isGreedy = isLazy === this.#flags.swapGreed;
    const node = repeat(atom, { min, max, isGreedy, possessiveAt: isPossessive ? at : -1 });
    // Here and not in the compiler, because only here the place of the quantifier is known.
    if (node.size > this.#options.instructionsMax) {
      cursor.fail('TOO_LARGE', `repeated so often this needs ${node.size} instructions, more than allowed`, at);
    }
    this.#skipComments();
    const again = cursor.position;
    if (this.#count() !== undefined) cursor.fail('NOTHING_TO_REPEAT', 'a quantifier follows a quantifier', again);
    return node;
  }

  /** Takes `*`, `+`, `?`, `{n}`, `{n,}` or `{n,m}`; any other brace is a literal. */
  #count(): [min: number, max: number] | undefined {
    const cursor = this.#cursor;
    const at = cursor.position;
    if (cursor.eat('*')) return [0, Number.POSITIVE_INFINITY];
    if (cursor.eat('+')) return [1, Number.POSITIVE_INFINITY];
    if (cursor.eat('?')) return [0, 1];
    const text = cursor.match(/\{[0-9]{1,9}(?:,[0-9]{0,9})?\}/y);
    if (text === '') return undefined;
    const [low = '', high = low] = text.slice(1, -1).split(',');
    const min = Number(low);
    const max = high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (min > max) cursor.fail('BAD_REPEAT', 'the counts are out of order', at);
    if (min > REGEX_LIMITS.repeatMax || (max !== Number.POSITIVE_INFINITY && max > REGEX_LIMITS.repeatMax)) {
      cursor.fail('BAD_REPEAT', `a count is above ${REGEX_LIMITS.repeatMax}`, at);
    }
    return [min, max];
  }

  /** Reads a group; the cursor stands behind its parenthesis at `at`. Flags set inside end with the group. */
  #group(at: number): Node | undefined {
    const cursor = this.#cursor;
    if (cursor.peek() === '*') cursor.fail('CONTROL_VERB', 'control verbs are not offered', at);
    const outer = this.#flags;
    let index = 0;
    if (cursor.eat('?')) {
      const name = cursor.match(this.#isRe2 ? /P?<[A-Za-z_]\w*>/y : /P?<[A-Za-z_]\w*>|'[A-Za-z_]\w*'/y);
      if (name !== '') index = this.#namedCapture(name.replace(/^P?[<']|[>']$/g, ''), at);
      else if (this.#inlineFlags(at)) return undefined;
    } else index = this.#capture(at);
    if (++this.#depth > REGEX_LIMITS.nestingMax) {
      cursor.fail('TOO_DEEP', `groups are nested deeper than ${REGEX_LIMITS.nestingMax}`, at);
    }
    const body = this.#alternation();
    this.#depth--;
    if (!cursor.eat(')')) cursor.fail('UNBALANCED', 'this parenthesis is never closed', at);
    this.#flags = outer;
    return index === 0 ? body : capture(index, body);
  }

  #capture(at: number): number {
    if (++this.captures > REGEX_LIMITS.capturesMax) {
      this.#cursor.fail('TOO_LARGE', `more than ${REGEX_LIMITS.capturesMax} capture groups`, at);
    }
    return this.captures;
  }

  #namedCapture(name: string, at: number): number {
    if (this.names.some(([known]) => known === name)) {
      this.#cursor.fail('DUPLICATE_NAME', 'two groups have the same name', at);
    }
    const index = this.#capture(at);
    this.names.push([name, index]);
    return index;
  }

  /** Reads `(?flags)` and `(?flags:`; true when the group ends there and the flags hold on. */
  #inlineFlags(at: number): boolean {
    const cursor = this.#cursor;
    this.#refuseIrregular(at);
    const text = cursor.match(/\^?[imsxU]*(?:-[imsxU]*)?/y);
    const end = cursor.take();
    // RE2 refuses an empty change of flags; PCRE lets it do nothing.
    if (!(end === ':' || (end === ')' && (text !== '' || !this.#isRe2)))) {
      cursor.fail('BAD_GROUP', 'not the beginning of a group of this dialect', at);
    }
    if (this.#isRe2 && /[x^]|-$/.test(text)) cursor.fail('BAD_FLAG', 'not a flag of this dialect', at);
    const [on = '', off = ''] = text.split('-');
    this.#flags = flagsAfter(this.#flags, on, off);
    return end === ')';
  }

  #refuseIrregular(at: number): void {
    const cursor = this.#cursor;
    const next = cursor.match(/<?[=!]|[>|(CR&]|P[=>]|[+-]?[0-9]+/y);
    if (next === '') return;
    if (/[=!]$/.test(next) && !next.startsWith('P')) {
      cursor.fail('LOOK_AROUND', 'look-around cannot run in linear time here', at);
    }
    if (next === '>') cursor.fail('ATOMIC_GROUP', 'atomic groups are not regular in what they prefer', at);
    if (next === 'P=') cursor.fail('BACK_REFERENCE', 'back-references cannot run in linear time', at);
    if (next === '(') cursor.fail('CONDITIONAL', 'conditional groups are not offered', at);
    if (next === '|' || next === 'C') cursor.fail('UNSUPPORTED', 'branch resets and callouts are not offered', at);
    cursor.fail('RECURSION', 'recursion is not a regular expression', at);
  }

  /** Passes over `(?#...)` of PCRE and, with the flag `x`, white space and comments to the end of a line. */
  #skipComments(): void {
    const cursor = this.#cursor;
    for (;;) {
      const before = cursor.position;
      if (this.#flags.extended) cursor.match(/(?:[ \t\n\v\f\r]|#[^\n]*\n?)+/y);
      if (!this.#isRe2 && cursor.eat('(?#')) {
        cursor.match(/[^)]*/y);
        if (!cursor.eat(')')) cursor.fail('UNBALANCED', 'this comment is never closed', before);
      }
      if (cursor.position === before) return;
    }
  }

  #classContext(): { isRe2: boolean; isUtf8: boolean; ignoreCase: boolean } {
    return { isRe2: this.#isRe2, isUtf8: this.#options.isUtf8, ignoreCase: this.#flags.ignoreCase };
  }
}

function flagsAfter(flags: Flags, on: string, off: string): Flags {
  const isReset = on.startsWith('^');
  const after = (letter: string, before: boolean): boolean =>
    (on.includes(letter) || (before && !(isReset && letter !== 'U'))) && !off.includes(letter);
  return {
    ignoreCase: after('i', flags.ignoreCase),
    multiline: after('m', flags.multiline),
    dotAll: after('s', flags.dotAll),
    extended: after('x', flags.extended),
    swapGreed: after('U', flags.swapGreed),
  };
}

/** Bytes that mean something to the parser outside a class, escaped by {@link escapeLiteral}. */
const SYNTAX = bytesOf('\\^$.|?*+()[]{}#- \t\n\r\f\v');

/** The text as a pattern that matches exactly it, in every dialect and with the flag `x` too. */
export function escapeLiteral(text: string): string {
  let pattern = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const isSyntax = code < 0x80 && ((SYNTAX[code >>> 5] ?? 0) >>> (code & 31)) % 2 === 1;
    pattern += isSyntax ? `\\x${code.toString(16).padStart(2, '0')}` : character;
  }
  return pattern;
}
