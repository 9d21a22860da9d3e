import { KIND, SIGN, type SqlTokens, STAR } from './tokens.ts';
import { WORD } from './words.ts';

/** What makes a value an injection: the structure that it adds to the statement it is written into. */
export type SqlStructure =
  | 'union'
  | 'subquery'
  | 'query'
  | 'stacked'
  | 'condition'
  | 'clause'
  | 'comment'
  | 'effect'
  | 'function'
  | 'catalog'
  | 'case'
  | 'concatenation'
  | 'list';

/** True when a statement of its own stands there, not a verb of prose. */
// Flat: one line for each statement.
export function statement(tokens: SqlTokens, index: number): boolean {
  const at = skipPrefixes(tokens, index);
  if (tokens.kind(at) !== KIND.word) return false;
  if (tokens.is(at, WORD.select)) return query(tokens, at) || tokens.kind(at + 1) === KIND.end;
  const next = tokens.kind(at + 1);
  const isName = next === KIND.word;
  switch (tokens.textOf(at).toLowerCase()) {
    case 'insert':
    case 'replace':
    case 'merge':
      return /^into$/i.test(tokens.textOf(at + 1)) && tokens.kind(at + 2) === KIND.word;
    case 'update':
      return isName && /^set$/i.test(tokens.textOf(at + 2));
    case 'delete':
      return tokens.is(at + 1, WORD.from) && isTableThere(tokens, at + 2);
    case 'drop':
    case 'create':
    case 'alter':
    case 'truncate':
    case 'rename':
    case 'describe':
    case 'show':
      return tokens.is(at + 1, WORD.object) || tokens.is(at + 2, WORD.object);
    case 'exec':
    case 'execute':
    case 'call':
      return isName || next === KIND.variable || next === KIND.open;
    case 'declare':
    case 'set':
      return next === KIND.variable;
    case 'grant':
    case 'revoke':
      return /^(?:all|select|insert|update|delete|create|execute|connect|dba|usage)$/i.test(tokens.textOf(at + 1));
    case 'shutdown':
      return next === KIND.end || next === KIND.cut || next === KIND.semicolon || tokens.textOf(at + 1) === 'with';
    case 'waitfor':
      return isName && /^(?:delay|time)$/i.test(tokens.textOf(at + 1));
    case 'if':
      return branch(tokens, at);
    case 'iif':
    case 'elt':
    case 'make_set':
      return nestedCall(tokens, at);
    case 'do':
    case 'kill':
    case 'print':
      return operandStructure(tokens, at + 1) !== undefined;
    case 'begin':
    case 'prepare':
    case 'handler':
    case 'deallocate':
    case 'pragma':
    case 'load':
    case 'copy':
    case 'backup':
    case 'restore':
    case 'attach':
    case 'vacuum':
    case 'analyze':
    case 'while':
    case 'reconfigure':
      // Verbs of prose, unless a semicolon ended a statement before.
      return (
        tokens.kind(index - 1) === KIND.semicolon &&
        (isName || next === KIND.cut || next === KIND.semicolon || next === KIND.end)
      );
    default:
      return false;
  }
}

/** A call of something that data bases have, a query, or a case: structure wherever an operand may stand. */
export function operandStructure(tokens: SqlTokens, at: number): SqlStructure | undefined {
  if (tokens.is(at, WORD.select) && query(tokens, at)) return 'subquery';
  if (tokens.is(at, WORD.caseWord) && caseExpression(tokens, at)) return 'case';
  if (tokens.kind(at) !== KIND.word || tokens.kind(at + 1) !== KIND.open) return undefined;
  if (tokens.is(at, WORD.effect)) return 'effect';
  if (tokens.is(at, WORD.callable) || tokens.textOf(at).toLowerCase() === 'exists') return 'function';
  return undefined;
}

/** `if 1=1`, `if(now()=sysdate(),`, `if (select ...`: every program has an `if (`, so what follows has to be of a database. */
function branch(tokens: SqlTokens, at: number): boolean {
  const start = skipPrefixes(tokens, at + 1);
  if (tokens.is(start, WORD.select) || operandStructure(tokens, start) !== undefined) return true;
  return isLiteral(tokens, start) && tokens.kind(start + 1) === KIND.compare;
}

/** `union [all|distinct] (select ...`. */
export function union(tokens: SqlTokens, at: number): boolean {
  const start = skipPrefixes(tokens, at + 1);
  if (tokens.is(start, WORD.select)) {
    const next = skipPrefixes(tokens, start + 1);
    const isName = tokens.kind(next) === KIND.word && tokens.kind(next + 1) !== KIND.word;
    return query(tokens, start) || tokens.kind(next) === KIND.end || tokens.kind(next) === KIND.cut || isName;
  }
  // A comment instead of a space is there to hide the word.
  if (tokens.hasInlineComment && isLiteral(tokens, at - 1)) return true;
  // VALUES and TABLE stand for a query.
  return tokens.kind(start) === KIND.word && /^(?:values|table)$/i.test(tokens.textOf(start)) && at > 0;
}

/** A select whose list no prose has: an expression, or a name that a comma, `from` or the end follows. */
export function query(tokens: SqlTokens, at: number): boolean {
  const start = skipPrefixes(tokens, at + 1);
  const kind = tokens.kind(start);
  if (kind === KIND.operator) return tokens.bits(start) === STAR;
  if (kind === KIND.number || kind === KIND.variable) return true;
  const isInside = tokens.kind(at - 1) === KIND.open;
  let next = start + 1;
  while (tokens.kind(next) === KIND.close && next > start) next++;
  if (kind === KIND.string) {
    return tokens.kind(next) !== KIND.end && (isInside || tokens.kind(next) !== KIND.word || tokens.bits(next) !== 0);
  }
  if (kind !== KIND.word) return false;
  if (tokens.kind(next) === KIND.open || tokens.is(start, WORD.constant | WORD.caseWord | WORD.select)) return true;
  if (tokens.kind(next) === KIND.comma || tokens.kind(next) === KIND.cut) return true;
  if (tokens.is(next, WORD.from)) return isTableThere(tokens, next + 1);
  if (!isInside) return tokens.kind(next) === KIND.string;
  return tokens.is(next, WORD.condition) || tokens.kind(next) === KIND.operator || tokens.kind(next) === KIND.close;
}

/** Behind `from`: a name that ends the query or goes on as one. */
export function isTableThere(tokens: SqlTokens, at: number): boolean {
  const start = skipPrefixes(tokens, at);
  if (tokens.kind(start) !== KIND.word) return false;
  const next = tokens.kind(start + 1);
  if (next !== KIND.word) return true;
  return tokens.is(start + 1, WORD.condition | WORD.orderGroup | WORD.clause | WORD.union);
}

/** A call whose first argument is another call or a comparison: `iif(1=1,`, `ascii(substring(`. */
export function nestedCall(tokens: SqlTokens, at: number): boolean {
  if (tokens.kind(at + 1) !== KIND.open) return false;
  const start = skipPrefixes(tokens, at + 2);
  if (tokens.is(start, WORD.callable) && tokens.kind(start + 1) === KIND.open) return true;
  return isLiteral(tokens, start) && tokens.kind(start + 1) === KIND.compare && isLiteral(tokens, start + 2);
}

/** `case ... when ... then`, with few words in between. */
export function caseExpression(tokens: SqlTokens, at: number): boolean {
  for (let index = at + 1; index <= at + CASE_TOKENS_MAX; index++) {
    tokens.steps++;
    if (tokens.is(index, WORD.condition) && /^when$/i.test(tokens.textOf(index))) return true;
  }
  return false;
}

/** Tokens between `case` and its `when`: with no bound, a value of nothing but `case` would cost its square. */
const CASE_TOKENS_MAX = 8;

export function clause(tokens: SqlTokens, at: number): boolean {
  const word = tokens.textOf(at).toLowerCase();
  const next = tokens.kind(at + 1);
  switch (word) {
    case 'limit':
    case 'offset':
      return next === KIND.number || next === KIND.open || next === KIND.variable;
    case 'procedure':
      return tokens.is(at + 1, WORD.effect);
    case 'into':
      return /^(?:outfile|dumpfile)$/i.test(tokens.textOf(at + 1)) || next === KIND.variable;
    case 'using':
    case 'for':
    case 'window':
      return false;
    default:
      return false;
  }
}

/** Parentheses, signs, `not` and their like. */
export function skipPrefixes(tokens: SqlTokens, index: number): number {
  let at = index;
  while (
    tokens.kind(at) === KIND.open ||
    (tokens.kind(at) === KIND.operator && (tokens.bits(at) & SIGN) !== 0) ||
    (tokens.is(at, WORD.prefix) && tokens.kind(at + 1) !== KIND.end)
  ) {
    at++;
    tokens.steps++;
  }
  return at;
}

/** True for an operand that no prose is made of. */
export function isLiteral(tokens: SqlTokens, at: number): boolean {
  const kind = tokens.kind(at);
  return kind === KIND.number || kind === KIND.variable || kind === KIND.string || kind === KIND.close;
}
