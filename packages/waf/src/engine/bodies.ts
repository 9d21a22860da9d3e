import {
  BODY_LIMITS,
  type BodyCollections,
  type BodyFlag,
  type BodyLimits,
  type BodyProcessor,
  type BodyValue,
} from '../body/index.ts';
import type { EngineSettings } from '../seclang/rule.ts';
import { Collection } from './collection.ts';
import { namesOf, type Variables } from './variables.ts';

/** What the body processors may do for one transaction. */
export function bodyLimits(settings: EngineSettings): BodyLimits {
  return { ...BODY_LIMITS, valuesMax: settings.argumentsMax, depthMax: settings.jsonDepthMax };
}

/** The processor for a name that a rule chose; undefined when there is none by that name. */
export function processorOf(name: string): BodyProcessor | undefined {
  return PROCESSORS.find((processor) => processor === name);
}

const PROCESSORS: readonly BodyProcessor[] = ['URLENCODED', 'MULTIPART', 'JSON', 'XML'];

/** Puts arguments of the query or of the body where rules look for them. */
export function addArguments(variables: Variables, source: 'GET' | 'POST', values: readonly BodyValue[]): void {
  const own = variables.open(`ARGS_${source}`);
  const all = variables.open('ARGS');
  const before = own.all.length;
  for (const { name, value } of values) own.add(name, value);
  for (const value of own.all.slice(before)) all.share(value);
  variables.replace(`ARGS_${source}_NAMES`, namesOf(own.all));
  variables.replace('ARGS_NAMES', namesOf(all.all));
  const size = all.all.reduce((sum, { key, text }) => sum + key.length + text.length, 0);
  variables.setScalar('ARGS_COMBINED_SIZE', String(size));
}

/** Puts what a body processor found where rules look for it. */
export function addBody(variables: Variables, body: BodyCollections): void {
  addArguments(variables, 'POST', body.args);
  variables.replace('FILES', collectionOf(body.files));
  variables.replace('FILES_NAMES', collectionOf([...body.filesNames, ...writtenNames(body.partHeaders)]));
  variables.replace('FILES_SIZES', collectionOf(body.filesSizes));
  variables.replace('FILES_TMP_CONTENT', collectionOf(body.filesContent));
  variables.setScalar('FILES_COMBINED_SIZE', String(body.filesCombinedSize));
  variables.replace('MULTIPART_PART_HEADERS', collectionOf(body.partHeaders));
  variables.replace('XML', unnamed(body.xmlTexts));
  variables.replace('XML_ATTRIBUTES', unnamed(body.xmlAttributes));
  for (const [flag, variable] of MULTIPART_FLAGS) variables.setScalar(variable, body.flags.has(flag) ? '1' : '0');
  variables.setScalar('MULTIPART_STRICT_ERROR', body.isStrictError ? '1' : '0');
  if (body.error !== undefined) setBodyError(variables, body.error.message);
}

export function setBodyError(variables: Variables, message: string): void {
  for (const name of ['REQBODY_ERROR', 'REQBODY_PROCESSOR_ERROR']) variables.setScalar(name, '1');
  for (const name of ['REQBODY_ERROR_MSG', 'REQBODY_PROCESSOR_ERROR_MSG']) variables.setScalar(name, message);
}

const MULTIPART_FLAGS = (
  [
    'BOUNDARY_QUOTED',
    'BOUNDARY_WHITESPACE',
    'DATA_BEFORE',
    'DATA_AFTER',
    'HEADER_FOLDING',
    'INVALID_HEADER_FOLDING',
    'LF_LINE',
    'CRLF_LF_LINES',
    'MISSING_SEMICOLON',
    'INVALID_QUOTING',
    'INVALID_PART',
    'FILE_LIMIT_EXCEEDED',
    'UNMATCHED_BOUNDARY',
  ] as const satisfies readonly BodyFlag[]
).map((flag) => [flag, `MULTIPART_${flag}`] as const);

function collectionOf(values: readonly BodyValue[]): Collection {
  const collection = new Collection();
  for (const { name, value } of values) collection.add(name, value);
  return collection;
}

/**
 * The names of files' parts as they were written, where they hold backslashes: some servers take these out, as the
 * standard says, and others keep them, as browsers do.
 */
function writtenNames(partHeaders: readonly BodyValue[]): readonly BodyValue[] {
  return partHeaders.flatMap((header) => {
    if (!/;[ \t]*filename\*?[ \t]*=/i.test(header.value)) return [];
    const name = /;[ \t]*name[ \t]*=[ \t]*"((?:[^"\\]|\\[^])*)"/i.exec(header.value)?.[1] ?? '';
    return name.includes('\\') ? [{ ...header, name, value: name }] : [];
  });
}

/** Rules name XML by its two paths, never by element. */
function unnamed(values: readonly BodyValue[]): Collection {
  const collection = new Collection();
  for (const { value } of values) collection.add('', value);
  return collection;
}
