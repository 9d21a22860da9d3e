import {
  caseExpression,
  clause,
  isLiteral,
  isTableThere,
  nestedCall,
  operandStructure,
  query,
  type SqlStructure,
  skipPrefixes,
  statement,
  union,
} from './queries.ts';
import { KIND, type SqlTokens, UNCLOSED } from './tokens.ts';
import { WORD } from './words.ts';

/**
 * Judges the tokens of a value that stands outside quotes: such a value is an operand, and anything in it that joins
 * conditions, adds queries or calls what no operand calls is structure.
 */
export function judgeBare(tokens: SqlTokens): SqlStructure | undefined {
  // An absolute path is no operand, unless a comment in it separates words as no path does.
  const isPath = tokens.textOf(0) === '/' && tokens.kind(1) === KIND.word && tokens.touches(0);
  if (isPath && !tokens.hasInlineComment) return undefined;
  return continuation(tokens, operandEnd(tokens, 0), 'bare') ?? anywhere(tokens, 0);
}

/**
 * Judges the tokens of a value that closes the quote it stands in. What follows the closed string must go on as SQL, so
 * that an apostrophe in prose, with words after it, is none.
 */
export function judgeClosed(tokens: SqlTokens): SqlStructure | undefined {
  if (isQuotedWord(tokens)) return anywhere(tokens, 2);
  return continuation(tokens, 1, 'closed') ?? anywhere(tokens, 1) ?? reopened(tokens);
}

/** `" | x | "`: an operator behind the quote that was closed and one before the quote that is opened again. */
function reopened(tokens: SqlTokens): SqlStructure | undefined {
  const last = tokens.length - 1;
  if (last < 4 || tokens.bits(last) !== UNCLOSED || tokens.kind(last) !== KIND.string) return undefined;
  const isBetween = isJoint(tokens, 1) && isJoint(tokens, last - 1) && tokens.textOf(last).length === 1;
  return isBetween ? 'concatenation' : undefined;
}

/** An operator that joins two operands, and no path or URL. */
function isJoint(tokens: SqlTokens, at: number): boolean {
  return tokens.kind(at) === KIND.operator && /^[+|*^]$/.test(tokens.textOf(at));
}

/** `browning "like"`: one word with double quotes around it is prose. */
function isQuotedWord(tokens: SqlTokens): boolean {
  if (tokens.bits(1) === 0 || tokens.kind(2) !== KIND.string || !tokens.textOf(2).startsWith('"')) return false;
  return /^[a-z]+$/i.test(tokens.textOf(1)) && tokens.touches(0) && tokens.touches(1);
}

/** `first` is a comparison that a bare value begins with: `1=1` alone is no structure yet. */
type Place = 'bare' | 'closed' | 'first';

/** Where the operand that begins at `index` ends; `index` itself when none begins there. */
function operandEnd(tokens: SqlTokens, index: number): number {
  const at = skipPrefixes(tokens, index);
  switch (tokens.kind(at)) {
    case KIND.number:
    case KIND.variable:
      return at + 1;
    case KIND.string:
      return at + 1;
    case KIND.word:
      // _latin1'text' is one operand, a call is judged by what calls it.
      return tokens.kind(at + 1) === KIND.string && tokens.textOf(at).startsWith('_') ? at + 2 : at + 1;
    case KIND.close:
      return index === 0 ? at : index;
    default:
      return index;
  }
}

/** What follows a finished operand. */
// Flat: one branch for each way in which a statement goes on behind an operand.
function continuation(tokens: SqlTokens, index: number, place: Place): SqlStructure | undefined {
  let at = index;
  while (tokens.kind(at) === KIND.close) at++;
  if (isNotCompare(tokens, at)) at++;
  const isEvident = place === 'closed' || isLiteral(tokens, at - 1);
  if (place === 'bare') {
    const cut = expressionEnd(tokens, 0);
    if (cut > 0 && tokens.kind(cut) === KIND.cut && isCut(tokens, cut)) return 'comment';
  }
  switch (tokens.kind(at)) {
    case KIND.cut:
      // Prose has options in back quotes: `--option`.
      return place === 'closed' && (!tokens.textOf(0).endsWith('`') || isCut(tokens, at)) ? 'comment' : undefined;
    case KIND.semicolon:
      if (statement(tokens, at + 1)) return 'stacked';
      return isEvident && tokens.kind(at + 1) === KIND.cut ? 'comment' : undefined;
    case KIND.logic:
      return condition(tokens, at + 1, place);
    case KIND.compare:
      return isEvident ? comparison(tokens, at, place === 'closed' ? place : 'first') : undefined;
    case KIND.operator:
      return place === 'closed' ? concatenation(tokens, at) : undefined;
    case KIND.comma:
      return place === 'closed' ? list(tokens, at) : undefined;
    case KIND.word:
      return wordContinuation(tokens, at, isEvident);
    case KIND.string:
      // MySQL joins adjacent strings.
      return place === 'closed' && tokens.bits(at) !== UNCLOSED ? continuation(tokens, at + 1, place) : undefined;
    default:
      return undefined;
  }
}

/** `not like`, `not between`, `not in`. */
function isNotCompare(tokens: SqlTokens, at: number): boolean {
  return tokens.is(at, WORD.prefix) && tokens.kind(at + 1) === KIND.compare;
}

/** Where an expression ends that has no name in it: literals, calls and operators. */
function expressionEnd(tokens: SqlTokens, from: number): number {
  let at = from;
  let literals = 0;
  while (at < tokens.length && !(tokens.kind(at) === KIND.word && !isExpressionWord(tokens, at))) {
    const kind = tokens.kind(at);
    if (kind === KIND.cut || kind === KIND.semicolon || kind === KIND.other || kind === KIND.comma) break;
    if (isLiteral(tokens, at)) literals++;
    tokens.steps++;
    at++;
  }
  return literals > 0 ? at : from;
}

function isExpressionWord(tokens: SqlTokens, at: number): boolean {
  return (
    tokens.is(at, WORD.prefix | WORD.constant) || (tokens.is(at, WORD.callable) && tokens.kind(at + 1) === KIND.open)
  );
}

/** A comment that a value ends with for its own sake: nothing stands in it, or it is a block. */
function isCut(tokens: SqlTokens, at: number): boolean {
  const comment = tokens.textOf(at);
  return comment.startsWith('/*') || /^(?:--|#)[\s\0-]*$/.test(comment);
}

function wordContinuation(tokens: SqlTokens, at: number, isEvident: boolean): SqlStructure | undefined {
  if (tokens.is(at, WORD.union) && union(tokens, at)) return 'union';
  if (!isEvident) return undefined;
  if (tokens.is(at, WORD.orderGroup) && tokens.is(at + 1, WORD.by)) return 'clause';
  if (tokens.is(at, WORD.condition)) return condition(tokens, at + 1, 'bare');
  if (/^as$/i.test(tokens.textOf(at)) && tokens.is(at + 2, WORD.condition | WORD.union | WORD.orderGroup)) {
    return wordContinuation(tokens, at + 2, true);
  }
  if (tokens.is(at, WORD.from) && isTableThere(tokens, at + 1) && tokens.kind(at + 2) === KIND.word) return 'clause';
  if (tokens.is(at, WORD.clause)) return clause(tokens, at) ? 'clause' : undefined;
  if (tokens.is(at, WORD.union) && (tokens.kind(at + 1) === KIND.cut || tokens.kind(at + 1) === KIND.end))
    return 'union';
  if (tokens.is(at, WORD.statement | WORD.select) && statement(tokens, at)) return 'stacked';
  return undefined;
}

/** What joins a condition to the one before: a comparison, a call, a query, or an operand that ends the value. */
function condition(tokens: SqlTokens, index: number, place: Place): SqlStructure | undefined {
  let at = index;
  for (;;) {
    tokens.steps++;
    const start = skipPrefixes(tokens, at);
    const found = operandStructure(tokens, start);
    if (found !== undefined) return found;
    const end = operandEnd(tokens, start);
    if (end === start) return undefined;
    let next = end;
    while (tokens.kind(next) === KIND.close) next++;
    if (isNotCompare(tokens, next)) next++;
    if (tokens.kind(next) === KIND.compare) return comparison(tokens, next, place);
    const isOperator = tokens.kind(next) === KIND.operator && (place === 'closed' || isLiteral(tokens, next - 1));
    // Outside quotes the next `or` is looked at for itself: going on from each of a thousand would cost their square.
    const isJoined = isOperator || (tokens.kind(next) === KIND.logic && place === 'closed');
    if (isJoined) {
      at = next + 1;
      continue;
    }
    return conditionEnd(tokens, { start, next, place: isTautology(tokens, at, start) ? 'closed' : place });
  }
}

/** `1 or 1`, `1 or true`, `1 or !0`: the same number again, a constant or a sign, where prose has another number. */
function isTautology(tokens: SqlTokens, index: number, start: number): boolean {
  if (tokens.kind(0) !== KIND.number) return false;
  if (tokens.is(start, WORD.constant)) return true;
  return tokens.kind(start) === KIND.number && (start > index || tokens.textOf(start) === tokens.textOf(0));
}

function conditionEnd(
  tokens: SqlTokens,
  { start, next, place }: { start: number; next: number; place: Place },
): SqlStructure | undefined {
  const isValue = isLiteral(tokens, start) || tokens.is(start, WORD.constant);
  switch (tokens.kind(next)) {
    case KIND.cut:
      return isValue || place === 'closed' ? 'condition' : undefined;
    case KIND.semicolon:
      return isValue && place === 'closed' ? 'condition' : undefined;
    case KIND.end:
      return isValue && place === 'closed' ? 'condition' : undefined;
    case KIND.word:
      return isValue ? wordContinuation(tokens, next, true) : undefined;
    default:
      return undefined;
  }
}

/** `operand compare operand`; outside quotes one side at least must be more than a word of prose. */
function comparison(tokens: SqlTokens, at: number, place: Place): SqlStructure | undefined {
  let right = at + 1;
  while (tokens.kind(right) === KIND.compare) right++;
  right = skipPrefixes(tokens, right);
  const found = operandStructure(tokens, right);
  if (found !== undefined) return found;
  const kind = tokens.kind(right);
  const next = tokens.kind(operandEnd(tokens, right));
  if (kind === KIND.cut) return place === 'closed' ? 'comment' : undefined;
  if (kind === KIND.word) {
    // `I' is not a plastic bag`: a name that another follows is prose.
    const isName = next !== KIND.word && next !== KIND.compare && next !== KIND.other;
    if (isName && tokens.is(right, WORD.constant)) return place === 'first' ? undefined : 'condition';
    const isEvident = place === 'closed' || isLiteral(tokens, at - 1) || tokens.textOf(right).startsWith('`');
    return isName && isEvident && place !== 'first' ? 'condition' : undefined;
  }
  if (kind !== KIND.number && kind !== KIND.string && kind !== KIND.variable) return undefined;
  return place === 'first' && next !== KIND.cut && next !== KIND.logic ? undefined : 'condition';
}

/** `'||'`, `'+(select ...`, `'-sleep(5)-'`: an operator behind a closed string. */
function concatenation(tokens: SqlTokens, index: number): SqlStructure | undefined {
  let at = index;
  while (tokens.kind(at) === KIND.operator) {
    tokens.steps++;
    const start = skipPrefixes(tokens, at + 1);
    const found = operandStructure(tokens, start);
    if (found !== undefined) return found;
    const end = operandEnd(tokens, start);
    if (tokens.kind(start) === KIND.string && (tokens.bits(start) === UNCLOSED || tokens.kind(end) === KIND.end)) {
      return 'concatenation';
    }
    // `"/path/"` and `"&name=`: slashes and ampersands join names in URLs, not in SQL.
    const isUrl = tokens.kind(start) === KIND.word && /[/&]/.test(tokens.textOf(at));
    if (end === start || isUrl) return undefined;
    at = end;
    while (tokens.kind(at) === KIND.close) at++;
    if (isNotCompare(tokens, at)) at++;
  }
  if (tokens.kind(at) === KIND.cut) return 'comment';
  if (tokens.kind(at) === KIND.compare) return comparison(tokens, at, 'closed');
  if (tokens.kind(at) === KIND.logic) return condition(tokens, at + 1, 'closed');
  return tokens.kind(at) === KIND.word ? wordContinuation(tokens, at, true) : undefined;
}

/** `','x',(select ...))--`: more values of a list than the application wrote. */
function list(tokens: SqlTokens, index: number): SqlStructure | undefined {
  let at = index;
  while (tokens.kind(at) === KIND.comma) {
    tokens.steps++;
    const start = skipPrefixes(tokens, at + 1);
    const found = operandStructure(tokens, start);
    if (found !== undefined) return found;
    const end = operandEnd(tokens, start);
    if (end === start) return undefined;
    at = end;
    while (tokens.kind(at) === KIND.close) at++;
  }
  return tokens.kind(at) === KIND.cut ? 'list' : undefined;
}

/** Structure that is one wherever it stands in the value. */
function anywhere(tokens: SqlTokens, from: number): SqlStructure | undefined {
  tokens.steps += tokens.length;
  for (let at = tokens.nextTelling(from); at < tokens.length; at = tokens.nextTelling(at + 1)) {
    const found = structureAt(tokens, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function structureAt(tokens: SqlTokens, at: number): SqlStructure | undefined {
  switch (tokens.kind(at)) {
    case KIND.word:
      return wordStructure(tokens, at);
    case KIND.semicolon:
      return statement(tokens, at + 1) && at > 0 ? 'stacked' : undefined;
    case KIND.logic:
      return at > 0 ? condition(tokens, at + 1, 'bare') : undefined;
    case KIND.variable:
      return tokens.textOf(at).startsWith('@@') && tokens.textOf(at).length > 2 ? 'catalog' : undefined;
    default:
      return undefined;
  }
}

function wordStructure(tokens: SqlTokens, at: number): SqlStructure | undefined {
  const bits = tokens.bits(at);
  if (bits === WORD.name) return undefined;
  if ((bits & WORD.union) !== 0 && union(tokens, at)) return 'union';
  if ((bits & WORD.select) !== 0 && query(tokens, at)) return tokens.kind(at - 1) === KIND.open ? 'subquery' : 'query';
  if ((bits & WORD.effect) !== 0 && tokens.kind(at + 1) === KIND.open) return 'effect';
  if ((bits & WORD.catalog) !== 0) return 'catalog';
  if ((bits & WORD.caseWord) !== 0 && caseExpression(tokens, at)) return 'case';
  if ((bits & WORD.callable) !== 0 && nestedCall(tokens, at)) return 'function';
  if ((bits & WORD.orderGroup) !== 0 && tokens.is(at + 1, WORD.by) && isLiteral(tokens, at - 1)) return 'clause';
  if ((bits & WORD.statement) === 0) return undefined;
  if (/^waitfor$/i.test(tokens.textOf(at)) && statement(tokens, at)) return 'effect';
  return at === 0 && statement(tokens, at) ? 'stacked' : undefined;
}
