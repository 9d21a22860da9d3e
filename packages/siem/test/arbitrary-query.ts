import fc from 'fast-check';
import { FIELD_NAMES, type Field, fieldNamed, type Query } from '../src/index.ts';

/** Values that the type of a field allows, as text and as the query holds them. */
function valueFor({ type }: Field): fc.Arbitrary<string | number | boolean> {
  switch (type) {
    case 'text':
    case 'texts':
      return fc.string({ unit: 'binary', maxLength: 12 });
    case 'integer':
    case 'integers':
      return fc.integer({ min: -1_000_000, max: 1_000_000 });
    case 'real':
      return fc.integer({ min: -1_000_000, max: 1_000_000 }).map((thousandths) => thousandths / 1_000 + 0);
    case 'flag':
      return fc.boolean();
    case 'address':
      return fc.constantFrom('192.0.2.1', '2001:db8::1', 'unix', '2001:db8::/64');
    case 'time':
      return fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString());
    case 'structure':
      return fc.constant('');
  }
}

const FIELDS = FIELD_NAMES.map((name) => fieldNamed(name)).filter((field) => field !== undefined);
const TEXTUAL = FIELDS.filter(({ type }) => ['text', 'texts', 'address', 'time'].includes(type));
const NUMERIC = FIELDS.filter(({ type }) => ['integer', 'integers', 'real', 'time'].includes(type));

const equality = fc.constantFrom(...FIELDS).chain((field) =>
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant(field.name),
    operator: fc.constantFrom('=' as const, '!=' as const),
    value: valueFor(field),
  }),
);
const order = fc.constantFrom(...NUMERIC).chain((field) =>
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constant(field.name),
    operator: fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const),
    value: valueFor(field),
  }),
);
const textual = fc.record({
  kind: fc.constantFrom('contains' as const, 'startsWith' as const, 'endsWith' as const),
  field: fc.constantFrom(...TEXTUAL.map(({ name }) => name)),
  text: fc.string({ unit: 'binary', maxLength: 12 }),
});
const listed = fc.constantFrom(...FIELDS.filter(({ type }) => type === 'text' || type === 'integer')).chain((field) =>
  fc.record({
    kind: fc.constant('in' as const),
    field: fc.constant(field.name),
    values: fc.array(
      valueFor(field).map((value) => (typeof value === 'boolean' ? '' : value)),
      { minLength: 1, maxLength: 4 },
    ),
  }),
);
const network = fc.record({
  kind: fc.constant('network' as const),
  field: fc.constantFrom('client', 'network', 'peer', 'scope'),
  network: fc.constantFrom('10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32', '::/0'),
});
const exists = fc.record({ kind: fc.constant('exists' as const), field: fc.constantFrom(...FIELD_NAMES) });

const trees = fc.letrec<{ query: Query; leaf: Query; node: Query }>((tie) => ({
  query: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('node')),
  leaf: fc.oneof(fc.constant<Query>({ kind: 'all' }), equality, order, textual, listed, network, exists),
  node: fc.oneof(
    fc.record({ kind: fc.constant('not' as const), part: tie('query') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('query'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

/** Any query that the parser could have made. */
export const query: fc.Arbitrary<Query> = trees.query;
