import { contains, IpAddress, type Network, parseNetwork } from '@sallyport/kernel';
import { type EventRecord, type FieldValue, readerOf } from '../record.ts';
import type { CompareOperator, Query, QueryLeaf } from './query.ts';
import { containsMatcher, endsWithMatcher, startsWithMatcher } from './text-match.ts';

/** Whether a record satisfies a query. Every leaf looks at its field once, so the work is linear in the query and the record. */
export function predicateOf(query: Query): (record: EventRecord) => boolean {
  switch (query.kind) {
    case 'all':
      return () => true;
    case 'and': {
      const parts = query.parts.map(predicateOf);
      return (record) => parts.every((part) => part(record));
    }
    case 'or': {
      const parts = query.parts.map(predicateOf);
      return (record) => parts.some((part) => part(record));
    }
    case 'not': {
      const part = predicateOf(query.part);
      return (record) => !part(record);
    }
    case 'compare':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'in':
    case 'network':
    case 'exists': {
      const read = readerOf(query.field);
      const holds = valuePredicateOf(query);
      return (record) => {
        const value = read(record);
        return value !== undefined && holds(value);
      };
    }
  }
}

/** Whether a value that is there satisfies a leaf; for a store that looks at each distinct value of a field once. */
export function valuePredicateOf(leaf: QueryLeaf): (value: FieldValue) => boolean {
  const holds = scalarPredicateOf(leaf);
  return (value) => (typeof value === 'object' ? value.some(holds) : holds(value));
}

type Scalar = string | number | boolean;

function scalarPredicateOf(leaf: QueryLeaf): (value: Scalar) => boolean {
  switch (leaf.kind) {
    case 'compare':
      return comparison(leaf.operator, leaf.value);
    case 'contains':
      return ofText(containsMatcher(leaf.text));
    case 'startsWith':
      return ofText(startsWithMatcher(leaf.text));
    case 'endsWith':
      return ofText(endsWithMatcher(leaf.text));
    case 'in': {
      const values: ReadonlySet<Scalar> = new Set<Scalar>(leaf.values);
      return (value) => values.has(value);
    }
    case 'network': {
      const outer = parseNetwork(leaf.network);
      return outer === undefined ? () => false : ofText(networkMatcher(outer));
    }
    case 'exists':
      return () => true;
  }
}

function ofText(holds: (text: string) => boolean): (value: Scalar) => boolean {
  return (value) => typeof value === 'string' && holds(value);
}

function comparison(operator: CompareOperator, wanted: Scalar): (value: Scalar) => boolean {
  switch (operator) {
    case '=':
      return (value) => value === wanted;
    case '!=':
      return (value) => value !== wanted;
    case '<':
      return (value) => isOrdered(value, wanted) && value < wanted;
    case '<=':
      return (value) => isOrdered(value, wanted) && value <= wanted;
    case '>':
      return (value) => isOrdered(value, wanted) && value > wanted;
    case '>=':
      return (value) => isOrdered(value, wanted) && value >= wanted;
  }
}

function isOrdered(value: Scalar, wanted: Scalar): boolean {
  return typeof value === typeof wanted && typeof value !== 'boolean';
}

/**
 * Parsing an address costs more than everything else about it, and of most the first digits say that they lie elsewhere: those
 * of the whole octets of an IPv4 prefix are known.
 */
function networkMatcher(outer: Network): (text: string) => boolean {
  const text = outer.address.toString();
  const octets = text.includes(':') ? 0 : Math.floor(outer.prefixLength / 8);
  const known = text.split('.').slice(0, octets).join('.');
  const head = octets === 0 || octets === 4 ? known : `${known}.`;
  return (value) => (value.includes(':') || value.startsWith(head)) && isInside(value, outer);
}

/** A network lies in another one when its address does and it is not the larger of the two. */
function isInside(text: string, outer: Network): boolean {
  if (!text.includes('/')) {
    const address = IpAddress.parse(text);
    return address !== undefined && contains(outer, address);
  }
  const inner = parseNetwork(text);
  return inner !== undefined && inner.prefixLength >= outer.prefixLength && contains(outer, inner.address);
}
