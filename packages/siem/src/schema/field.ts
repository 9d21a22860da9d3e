/** What a field of an event record holds, who may see it, and what it is called elsewhere. */
export interface Field {
  /** As it stands in the log line; a member of a nested object is named with a dot: `inspection.inboundScore`. */
  readonly name: string;
  readonly type: FieldType;
  readonly class: FieldClass;
  /** Few distinct values: a store may keep a dictionary of them, and counting by it makes sense. */
  readonly isLowCardinality?: boolean;
  readonly unit?: FieldUnit;
  /** The log leaves out what is empty or usual; this is what the absence of the field means. Undefined: nothing is known. */
  readonly whenAbsent?: ImpliedValue;
  /** One sentence for operators. */
  readonly meaning: string;
  /** Where the mappings put it: paths with dots for OCSF and ECS, and each name that Sigma's categories have for it. */
  readonly ocsf?: string;
  readonly ecs?: string;
  readonly sigma?: readonly string[];
}

/**
 * `address`: an IP address or a network in CIDR notation, in canonical text. `time`: ISO 8601 in UTC with milliseconds, so that
 * text order is order in time. `structure`: something nested, which queries reach only by the dotted names inside it.
 */
export type FieldType = 'text' | 'integer' | 'real' | 'flag' | 'address' | 'time' | 'texts' | 'integers' | 'structure';

/**
 * `public`: may be shown to anybody. `operational`: about the service and how it is guarded, for those who run it. `personal`:
 * about a person, or could be; it falls under retention and erasure. There is no class for secrets: no field may hold one.
 */
export type FieldClass = 'public' | 'operational' | 'personal';

export type FieldUnit = 'milliseconds' | 'microseconds' | 'bytes';

export type ImpliedValue =
  | { readonly is: string | number | boolean }
  /** The value of another field of the same record. */
  | { readonly sameAs: string };

/** The kinds of event. */
export type Kind = 'exchange' | 'message' | 'connection' | 'authentication' | 'decision' | 'administration' | 'system';

/** What a field has beyond its type, class and meaning. */
export type FieldExtras = Omit<Field, 'name' | 'type' | 'class' | 'meaning'>;

export function field(
  name: string,
  [type, fieldClass]: readonly [FieldType, FieldClass],
  meaning: string,
  extras: FieldExtras = {},
): Field {
  return { name, type, class: fieldClass, meaning, ...extras };
}
