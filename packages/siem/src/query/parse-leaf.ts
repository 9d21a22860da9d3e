import type { Field } from '../schema/field.ts';
import { quoted } from './problem.ts';
import type { CompareOperator, Query } from './query.ts';
import { nearest } from './suggest.ts';
import type { Token } from './tokens.ts';
import { canonicalNetwork, hostBits, typedValue } from './value.ts';

/** What a condition needs of the parser around it. */
interface Around {
  readonly next: () => Token;
  readonly peek: () => Token;
  readonly refuse: (token: Token, message: string, suggestion?: string) => undefined;
  readonly count: (token: Token) => true | undefined;
}

/** Reads what follows the name of a field. Methods return undefined when the parser was told why. */
export class LeafParser {
  readonly #around: Around;

  constructor(around: Around) {
    this.#around = around;
  }

  parse(field: Field): Query | undefined {
    const token = this.#around.next();
    const operator =
      token.kind === 'text' ? undefined : OPERATORS.find((one) => one.toLowerCase() === token.text.toLowerCase());
    switch (operator) {
      case undefined:
        return this.#around.refuse(token, unknownOperator(field, token), suggestedOperator(token));
      case 'exists':
        return { kind: 'exists', field: field.name };
      case 'in':
        return this.#in(field, token);
      case 'contains':
      case 'startsWith':
      case 'endsWith':
        return this.#textual(field, operator, token);
      case '=':
      case '!=':
      case '<':
      case '<=':
      case '>':
      case '>=':
        return this.#compare(field, operator, token);
    }
  }

  #compare(field: Field, operator: CompareOperator, token: Token): Query | undefined {
    const isEquality = operator === '=' || operator === '!=';
    if (!isEquality && !ORDERED.has(field.type)) {
      return this.#around.refuse(token, `${field.name} has no order; compare it with = or !=`, '=');
    }
    const value = this.#value(field);
    return value === undefined ? undefined : { kind: 'compare', field: field.name, operator, value };
  }

  #textual(field: Field, kind: 'contains' | 'startsWith' | 'endsWith', token: Token): Query | undefined {
    if (!TEXTUAL.has(field.type)) {
      return this.#around.refuse(token, `${field.name} is no text; compare it with = or another comparison`, '=');
    }
    const text = this.#plain(field);
    return text === undefined ? undefined : { kind, field: field.name, text: text.text };
  }

  #in(field: Field, token: Token): Query | undefined {
    if (field.type === 'flag') return this.#around.refuse(token, `${field.name} is true or false`, '=');
    const { kind, text } = this.#around.peek();
    if (kind === 'symbol' && text === '(') {
      this.#around.next();
      return this.#list(field);
    }
    if (field.type !== 'address') {
      return this.#around.refuse(this.#around.peek(), 'a list of values stands in brackets: (a, b)', `(${text})`);
    }
    const value = this.#plain(field);
    return value === undefined ? undefined : this.#network(field, value);
  }

  #list(field: Field): Query | undefined {
    const tokens: Token[] = [];
    for (;;) {
      const token = this.#plain(field);
      if (token === undefined || this.#around.count(token) === undefined) return undefined;
      tokens.push(token);
      const separator = this.#around.next();
      if (separator.kind === 'symbol' && separator.text === ')') break;
      if (separator.kind !== 'symbol' || separator.text !== ',') {
        return this.#around.refuse(separator, 'values of a list stand between commas, in brackets: (a, b)', ',');
      }
    }
    const isNetworks = field.type === 'address' && tokens.some(({ text }) => text.includes('/'));
    return isNetworks ? this.#networks(field, tokens) : this.#values(field, tokens);
  }

  #values(field: Field, tokens: readonly Token[]): Query | undefined {
    const values: (string | number)[] = [];
    for (const token of tokens) {
      const value = this.#typed(field, token);
      if (value === undefined) return undefined;
      if (typeof value !== 'boolean') values.push(value);
    }
    return { kind: 'in', field: field.name, values };
  }

  #networks(field: Field, tokens: readonly Token[]): Query | undefined {
    const parts: Query[] = [];
    for (const token of tokens) {
      const part = this.#network(field, token);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    const [first] = parts;
    return parts.length === 1 ? first : { kind: 'or', parts };
  }

  #network(field: Field, token: Token): Query | undefined {
    const network = canonicalNetwork(token.text);
    if (network !== undefined) return { kind: 'network', field: field.name, network };
    return this.#around.refuse(
      token,
      `${quoted(token.text)} is no network such as 203.0.113.0/24${hostBits(token.text)}`,
    );
  }

  #value(field: Field): string | number | boolean | undefined {
    const token = this.#plain(field);
    return token === undefined ? undefined : this.#typed(field, token);
  }

  #typed(field: Field, token: Token): string | number | boolean | undefined {
    const typed = typedValue(field, token.text);
    return typed.kind === 'value' ? typed.value : this.#around.refuse(token, typed.message, typed.suggestion);
  }

  /** A value as it was written. A word of the language is one only in quotes: more likely the value was forgotten. */
  #plain(field: Field): Token | undefined {
    const token = this.#around.next();
    const { kind, text } = token;
    if (kind === 'text') return token;
    if (kind === 'end') return this.#around.refuse(token, `a value for ${field.name} is missing here`);
    if (kind === 'symbol')
      return this.#around.refuse(token, `a value for ${field.name} cannot be ${quoted(text)}; quote it`, `"${text}"`);
    if (!/^(?:and|or|not)$/i.test(text)) return token;
    return this.#around.refuse(
      token,
      `a value for ${field.name} is missing before ${quoted(text)}; quote it if it is the value`,
      `"${text}"`,
    );
  }
}

const OPERATORS = ['=', '!=', '<', '<=', '>', '>=', 'contains', 'startsWith', 'endsWith', 'in', 'exists'] as const;

const ORDERED: ReadonlySet<Field['type']> = new Set(['integer', 'integers', 'real', 'time']);
const TEXTUAL: ReadonlySet<Field['type']> = new Set(['text', 'texts', 'address', 'time']);

function unknownOperator(field: Field, token: Token): string {
  if (token.kind === 'end') return `what about ${field.name}? A comparison is missing here, such as = or contains`;
  return `${quoted(token.text)} is no comparison; there are ${OPERATORS.join(', ')}`;
}

/** What other languages write for ours. */
const FOREIGN_OPERATORS: ReadonlyMap<string, CompareOperator | 'contains' | 'exists'> = new Map([
  ['==', '='],
  ['===', '='],
  ['is', '='],
  ['eq', '='],
  ['equals', '='],
  ['<>', '!='],
  ['!==', '!='],
  ['ne', '!='],
  ['=<', '<='],
  ['=>', '>='],
  ['lt', '<'],
  ['le', '<='],
  ['gt', '>'],
  ['ge', '>='],
  ['~', 'contains'],
  ['=~', 'contains'],
  ['~=', 'contains'],
  ['like', 'contains'],
  ['matches', 'contains'],
  ['has', 'contains'],
]);

function suggestedOperator({ kind, text }: Token): string | undefined {
  if (kind !== 'word' && kind !== 'symbol') return kind === 'text' ? '=' : undefined;
  return FOREIGN_OPERATORS.get(text.toLowerCase()) ?? nearest(text.replaceAll(/[_-]/g, ''), OPERATORS);
}
