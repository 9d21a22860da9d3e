/**
 * Events for people and for other systems: what a record may say, and how to ask for records. No I/O, no clock.
 *
 * @module
 */
export { predicateOf, valuePredicateOf } from './query/predicate.ts';
export type { CompareOperator, Query, QueryLeaf } from './query/query.ts';
export { type EventRecord, type FieldValue, readerOf, valueOf } from './record.ts';
export type { Field, FieldClass, FieldType, FieldUnit, ImpliedValue, Kind } from './schema/field.ts';
export { EVENT_SCHEMA, type EventSchema, FIELD_NAMES, fieldNamed, isKind } from './schema/schema.ts';
