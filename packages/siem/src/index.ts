/**
 * Events for people and for other systems: what a record may say, and how to ask for records. No I/O, no clock.
 *
 * @module
 */
export type { MappedEvent } from './mappings/copy.ts';
export { ECS_VERSION, toEcs } from './mappings/ecs.ts';
export { EVENT_FORMATS, type EventFormat, formatterOf } from './mappings/formats.ts';
export { OCSF_VERSION, toOcsf } from './mappings/ocsf.ts';
export { sigmaFields } from './mappings/sigma.ts';
export { type ParsedMoment, parseMoment } from './query/moment.ts';
export { type ParsedQuery, parseQuery, QUERY_DEPTH_MAX, QUERY_LENGTH_MAX, QUERY_NODES_MAX } from './query/parse.ts';
export { predicateOf, valuePredicateOf } from './query/predicate.ts';
export { printQuery } from './query/print.ts';
export type { TextProblem } from './query/problem.ts';
export type { CompareOperator, Query, QueryLeaf } from './query/query.ts';
export { type EventRecord, type FieldValue, impliedByKind, readerOf, valueOf } from './record.ts';
export { csvCell, shellWord, terminalText } from './safe-output.ts';
export type { Field, FieldClass, FieldType, FieldUnit, ImpliedValue, Kind } from './schema/field.ts';
export { EVENT_SCHEMA, type EventSchema, FIELD_NAMES, fieldNamed, isKind } from './schema/schema.ts';
