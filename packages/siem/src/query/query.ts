/**
 * A filter over event records: plain data, so that it may cross to the thread that evaluates it. Fields are named as in the
 * schema. A leaf about a field that a record does not have is false, `!=` too; about a list it is true when any element
 * satisfies it.
 */
export type Query =
  | { readonly kind: 'all' }
  /** Of no parts: `and` is true, `or` is false. */
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | QueryLeaf;

/** What looks at one field. */
export type QueryLeaf =
  /** Text compares by code unit, case-sensitively; values of different types are never equal and have no order. */
  | {
      readonly kind: 'compare';
      readonly field: string;
      readonly operator: CompareOperator;
      readonly value: string | number | boolean;
    }
  /** Without regard to the case of ASCII letters; values that are not text do not match. */
  | { readonly kind: 'contains' | 'startsWith' | 'endsWith'; readonly field: string; readonly text: string }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly (string | number)[] }
  /** The value is an address or a network that lies in this one, canonical CIDR (`203.0.113.0/24`, `2001:db8::/32`). */
  | { readonly kind: 'network'; readonly field: string; readonly network: string }
  | { readonly kind: 'exists'; readonly field: string };

export type CompareOperator = '=' | '!=' | '<' | '<=' | '>' | '>=';
