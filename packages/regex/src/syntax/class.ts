import { bytes, type Node } from './ast.ts';
import {
  BYTE_MAX,
  CODE_POINT_MAX,
  type CodeRanges,
  negated,
  POSIX_CLASSES,
  toByteSet,
  withOtherCase,
} from './code-ranges.ts';
import type { Cursor } from './cursor.ts';
import { parseEscape } from './escape.ts';
import { utf8Class } from './utf8.ts';

export interface ClassContext {
  readonly isRe2: boolean;
  readonly isUtf8: boolean;
  readonly ignoreCase: boolean;
}

/** Reads a bracket expression; the cursor stands behind its `[`. Throws `RegexError`. */
export function parseClass(cursor: Cursor, context: ClassContext): Node {
  const at = cursor.position - 1;
  const isNegated = cursor.eat('^');
  const ranges: (readonly [number, number])[] = [];
  for (let isFirst = true; isFirst || cursor.peek() !== ']'; isFirst = false) {
    if (cursor.isAtEnd) cursor.fail('UNBALANCED', 'this bracket is never closed', at);
    if (cursor.eat('\\Q')) {
      const at = cursor.position;
      for (const literal of quoted(cursor)) {
        const code = checkedCode(cursor, literal.codePointAt(0) ?? 0, at, context);
        ranges.push([code, code]);
      }
    } else if (!cursor.eat('\\E')) ranges.push(...classItem(cursor, context));
  }
  cursor.take();
  return classNode(ranges, isNegated, context);
}

/** A class as a node: one byte, or the bytes of one code point. Case is added before the complement is taken. */
export function classNode(ranges: CodeRanges, isNegated: boolean, context: ClassContext): Node {
  const folded = context.ignoreCase ? withOtherCase(ranges) : ranges;
  const wanted = isNegated ? negated(folded, context.isUtf8 ? CODE_POINT_MAX : BYTE_MAX) : folded;
  return context.isUtf8 ? utf8Class(wanted) : bytes(toByteSet(wanted));
}

/** The text up to `\E` or the end, both of which end a quotation. */
export function quoted(cursor: Cursor): string {
  const end = cursor.pattern.indexOf('\\E', cursor.position);
  const text = cursor.pattern.slice(cursor.position, end < 0 ? undefined : end);
  cursor.position += text.length;
  cursor.eat('\\E');
  return text;
}

function classItem(cursor: Cursor, context: ClassContext): CodeRanges {
  const at = cursor.position;
  const posix = cursor.match(/\[([:.=])(?:\^?[a-z]*)\1\]/y);
  if (posix !== '') return posixClass(cursor, posix, at);
  const low = classAtom(cursor, context);
  // A hyphen makes a range only between two single codes: pcre2pattern(3) "Square brackets and character classes".
  const isRange = cursor.peek() === '-' && cursor.peek(1) !== ']' && cursor.peek(1) !== '';
  if (typeof low !== 'number' || !isRange) return typeof low === 'number' ? [[low, low]] : low;
  cursor.take();
  const high = classAtom(cursor, context);
  if (typeof high !== 'number') {
    if (context.isRe2) cursor.fail('BAD_RANGE', 'a range ends in a class', at);
    return [[low, low], [0x2d, 0x2d], ...high]; // biome-ignore format: one row
  }
  if (high < low) cursor.fail('BAD_RANGE', 'the range is out of order', at);
  return [[low, high]];
}

function classAtom(cursor: Cursor, context: ClassContext): number | CodeRanges {
  const at = cursor.position;
  if (!cursor.eat('\\')) return checkedCode(cursor, cursor.takeCodePoint(), at, context);
  const escape = parseEscape(cursor, { isRe2: context.isRe2, isInClass: true, groups: 0 });
  switch (escape.kind) {
    case 'code':
      return checkedCode(cursor, escape.code, at, context);
    case 'class':
      return escape.isNegated ? negated(escape.ranges, context.isUtf8 ? CODE_POINT_MAX : BYTE_MAX) : escape.ranges;
    case 'assertion':
    case 'byte':
      return cursor.fail('BAD_ESCAPE', 'this escape cannot stand in a class', at);
  }
}

/** The code, if one byte (or, for UTF-8, one code point that has an encoding) can be it. */
export function checkedCode(
  cursor: Cursor,
  code: number,
  at: number,
  { isUtf8 }: Pick<ClassContext, 'isUtf8'>,
): number {
  if (!isUtf8 && code > BYTE_MAX) cursor.fail('NOT_BYTES', 'above 0xFF no byte can match; see the option encoding', at);
  if (code > CODE_POINT_MAX || (code >= 0xd800 && code <= 0xdfff)) cursor.fail('NOT_BYTES', 'not a code point', at);
  return code;
}

function posixClass(cursor: Cursor, text: string, at: number): CodeRanges {
  const name = text.slice(2, -2);
  const ranges = text.startsWith('[:') ? POSIX_CLASSES.get(name.replace('^', '')) : undefined;
  if (ranges === undefined) cursor.fail('BAD_CLASS', 'not the name of a POSIX class', at);
  return name.startsWith('^') ? negated(ranges, CODE_POINT_MAX) : ranges;
}
