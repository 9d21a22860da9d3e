import type { Field } from '../schema/field.ts';
import { FIELD_NAMES, fieldNamed } from '../schema/schema.ts';
import { LeafParser } from './parse-leaf.ts';
import { problem, quoted, type TextProblem } from './problem.ts';
import type { Query } from './query.ts';
import { nearest, suggestedField } from './suggest.ts';
import { type Token, tokensOf } from './tokens.ts';

export type ParsedQuery =
  | { readonly kind: 'ready'; readonly query: Query }
  | { readonly kind: 'refused'; readonly problem: TextProblem };

/** Longest query, in UTF-16 units: queries come over the admin API, and one is parsed in the thread that serves it. */
export const QUERY_LENGTH_MAX = 4_096;

/** Most conditions, connectives and listed values: each is looked at for every record that a search goes over. */
export const QUERY_NODES_MAX = 256;

/** Deepest nesting of brackets and `not`: parser, printer and evaluation call themselves for each. */
export const QUERY_DEPTH_MAX = 32;

/**
 * Reads a query.
 *
 *     query     = and { "or" and }
 *     and       = not { "and" not }
 *     not       = "not" not | "(" query ")" | "all" | condition
 *     condition = FIELD ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) VALUE
 *               | FIELD ( "contains" | "startsWith" | "endsWith" ) VALUE
 *               | FIELD "in" ( NETWORK | "(" VALUE { "," VALUE } ")" )
 *               | FIELD "exists"
 *
 * Words of the language may be in any case, names of fields may not. An empty text asks for everything. Linear in the text.
 */
export function parseQuery(text: string): ParsedQuery {
  if (text.length > QUERY_LENGTH_MAX) {
    const message = `a query has at most ${QUERY_LENGTH_MAX} characters, this one has ${text.length}`;
    return { kind: 'refused', problem: problem(message, QUERY_LENGTH_MAX) };
  }
  const scanned = tokensOf(text);
  if (scanned.kind === 'refused') return scanned;
  const parser = new Parser(scanned.tokens);
  const query = parser.parse();
  return query === undefined ? { kind: 'refused', problem: parser.problem } : { kind: 'ready', query };
}

/** Methods return undefined when `problem` says why. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #leaves: LeafParser;
  #at = 0;
  #nodes = 0;
  #depth = 0;
  #problem: TextProblem | undefined;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
    this.#leaves = new LeafParser({
      next: () => this.#next(),
      peek: () => this.#peek(),
      refuse: (token, message, suggestion) => this.#refuse(token, message, suggestion),
      count: (token) => this.#count(token),
    });
  }

  get problem(): TextProblem {
    return this.#problem ?? problem('the query cannot be read', 0);
  }

  parse(): Query | undefined {
    if (this.#peek().kind === 'end') return { kind: 'all' };
    const query = this.#series('or');
    if (query === undefined) return undefined;
    const rest = this.#peek();
    if (rest.kind === 'end') return query;
    if (rest.text === ')') return this.#refuse(rest, 'this bracket was never opened');
    return this.#refuse(rest, `${quoted(rest.text)} needs \`and\` or \`or\` before it`, connective(rest.text));
  }

  #series(kind: 'and' | 'or'): Query | undefined {
    const first = kind === 'or' ? this.#series('and') : this.#not();
    if (first === undefined) return undefined;
    const parts = [first];
    while (isWord(this.#peek(), kind)) {
      if (this.#count(this.#next()) === undefined) return undefined;
      const part = kind === 'or' ? this.#series('and') : this.#not();
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return parts.length === 1 ? first : { kind, parts };
  }

  #not(): Query | undefined {
    const token = this.#peek();
    const isNot = isWord(token, 'not');
    if (!isNot && token.text !== '(') return this.#condition();
    if (token.kind === 'text') return this.#condition();
    this.#next();
    if (this.#depth >= QUERY_DEPTH_MAX) {
      return this.#refuse(token, `a query nests at most ${QUERY_DEPTH_MAX} deep`);
    }
    if (this.#count(token) === undefined) return undefined;
    this.#depth += 1;
    const part = isNot ? this.#not() : this.#bracketed(token);
    this.#depth -= 1;
    if (part === undefined) return undefined;
    return isNot ? { kind: 'not', part } : part;
  }

  #bracketed(open: Token): Query | undefined {
    const query = this.#series('or');
    if (query === undefined) return undefined;
    const close = this.#next();
    if (close.kind === 'symbol' && close.text === ')') return query;
    if (close.kind === 'end') return this.#refuse(open, 'this bracket is never closed');
    return this.#refuse(close, `${quoted(close.text)} needs \`and\` or \`or\` before it`, connective(close.text));
  }

  #condition(): Query | undefined {
    const token = this.#next();
    if (this.#count(token) === undefined) return undefined;
    if (isWord(token, 'all')) return { kind: 'all' };
    const field = this.#field(token);
    return field === undefined ? undefined : this.#leaves.parse(field);
  }

  #field(token: Token): Field | undefined {
    const { kind, text } = token;
    if (kind === 'end') return this.#refuse(token, 'a condition is missing here');
    if (kind !== 'word') {
      const suggestion = text === '!' ? 'not' : undefined;
      return this.#refuse(token, `a condition begins with the name of a field, not with ${quoted(text)}`, suggestion);
    }
    const field = fieldNamed(text);
    if (field === undefined) {
      return this.#refuse(token, `there is no field ${quoted(text)}`, splitCondition(text) ?? suggestedField(text));
    }
    if (field.type !== 'structure') return field;
    const member = FIELD_NAMES.find((name) => name.startsWith(`${text}.`));
    return this.#refuse(token, `${quoted(text)} has fields of its own; name one of them`, member);
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  /** Undefined when there are too many of what `token` begins. */
  #count(token: Token): true | undefined {
    this.#nodes += 1;
    if (this.#nodes <= QUERY_NODES_MAX) return true;
    return this.#refuse(token, `a query has at most ${QUERY_NODES_MAX} conditions, connectives and listed values`);
  }

  #refuse(token: Token, message: string, suggestion?: string): undefined {
    this.#problem = problem(message, token.start, suggestion);
    return undefined;
  }
}

const END: Token = { kind: 'end', text: '', start: 0 };

function isWord({ kind, text }: Token, word: string): boolean {
  return kind === 'word' && text.toLowerCase() === word;
}

/** What other languages write for ours. */
function connective(text: string): string | undefined {
  if (text.startsWith('&')) return 'and';
  if (text.startsWith('|')) return 'or';
  return nearest(text, ['and', 'or']);
}

/** `client:203.0.113.7`, as other languages have it. */
function splitCondition(text: string): string | undefined {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(colon, 0));
  return fieldNamed(name) === undefined || colon + 1 === text.length ? undefined : `${name} = ${text.slice(colon + 1)}`;
}
