import type { Query, QueryLeaf } from './query.ts';

/** The text that `parseQuery` reads as this query. */
export function printQuery(query: Query): string {
  switch (query.kind) {
    case 'all':
      return 'all';
    case 'and':
    case 'or':
      if (query.parts.length === 0) return query.kind === 'and' ? 'all' : 'not all';
      return query.parts.map(printPart).join(` ${query.kind} `);
    case 'not':
      return `not ${printPart(query.part)}`;
    case 'compare':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'in':
    case 'network':
    case 'exists':
      return printLeaf(query);
  }
}

function printPart(query: Query): string {
  return query.kind === 'and' || query.kind === 'or' ? `(${printQuery(query)})` : printQuery(query);
}

function printLeaf(leaf: QueryLeaf): string {
  switch (leaf.kind) {
    case 'compare':
      return `${leaf.field} ${leaf.operator} ${printValue(leaf.value)}`;
    case 'contains':
    case 'startsWith':
    case 'endsWith':
      return `${leaf.field} ${leaf.kind} ${printValue(leaf.text)}`;
    case 'in':
      return `${leaf.field} in (${leaf.values.map(printValue).join(', ')})`;
    case 'network':
      return `${leaf.field} in ${leaf.network}`;
    case 'exists':
      return `${leaf.field} exists`;
  }
}

/** Without quotes where nothing in it means anything to the parser. */
function printValue(value: string | number | boolean): string {
  if (typeof value !== 'string') return String(value);
  if (/^[\w./:@-]+$/.test(value) && !/^(?:and|or|not)$/i.test(value)) return value;
  return `"${value.replaceAll(/["\\\p{Cc}]/gu, escaped)}"`;
}

function escaped(char: string): string {
  if (char === '"' || char === '\\') return `\\${char}`;
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
