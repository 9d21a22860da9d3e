import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { KeyPath } from './problem.ts';
import { Interpolated } from './references.ts';

/** A YAML document as plain data, and where each of its keys and values stands. */
export interface ConfigDocument {
  /** Undefined when the text could not be read as a document at all. */
  readonly value: unknown;
  readonly faults: readonly DocumentFault[];
  /** Where a value stands; for a value that is missing, where the nearest thing around it stands. */
  positionOf(path: KeyPath): Position;
  /** Where the key of a map entry stands. */
  keyPositionOf(path: KeyPath): Position;
}

/** Both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface DocumentFault {
  readonly position: Position;
  readonly path: KeyPath;
  readonly problem: string;
}

/**
 * Reads YAML 1.2 (core schema), and of it only what a configuration needs: maps with text keys, lists and scalars.
 *
 * Anchors, aliases, tags and merge keys are refused: an alias can make a short file unfold into gigabytes, and what is
 * written out has one position. Never throws.
 */
export function parseConfigDocument(text: string): ConfigDocument {
  const lines = new LineCounter();
  const walk: Walk = { lines, faults: [], values: new Map(), keys: new Map() };
  let value: unknown;
  try {
    const document: Document = parseDocument(text, { ...PARSE_OPTIONS, lineCounter: lines });
    for (const error of document.errors) {
      const problem = SYNTAX_PROBLEMS[error.code] ?? 'is not valid YAML';
      walk.faults.push({ position: at(walk, error.pos[0]), path: [], problem });
    }
    // A document with syntax errors is only half there: what it seems to lack would be reported as missing.
    if (document.errors.length === 0) value = convert(document.contents, [], walk);
  } catch {
    // The composer is recursive: only nesting beyond any configuration makes it fail.
    walk.faults.push({ position: START, path: [], problem: 'is nested too deeply' });
  }
  return {
    value,
    faults: walk.faults,
    positionOf: (path) => nearestPosition(walk.values, path),
    keyPositionOf: (path) => walk.keys.get(pathKey(path)) ?? nearestPosition(walk.values, path),
  };
}

const PARSE_OPTIONS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  strict: true,
  // Messages of the library quote the source, which may hold a secret; and its check for duplicate keys is quadratic.
  prettyErrors: false,
  uniqueKeys: false,
  // `silent` would also silence that there is a second document.
  logLevel: 'error',
} as const;

/** Deepest nesting of maps and lists. The schema needs eight; the limit keeps recursion bounded. */
const DEPTH_MAX = 32;

const START: Position = { line: 1, column: 1 };

/** Our own sentences for the syntax errors people make; the library's quote the source. */
const SYNTAX_PROBLEMS: Readonly<Record<string, string>> = {
  BAD_INDENT: 'is not indented like its neighbours',
  TAB_AS_INDENT: 'is indented with a tab; YAML allows spaces only',
  BLOCK_AS_IMPLICIT_KEY: 'looks like two keys in one line',
  MISSING_CHAR: 'lacks a closing quote, bracket, comma or colon',
  UNEXPECTED_TOKEN: 'holds a character that YAML does not allow here',
  MULTILINE_IMPLICIT_KEY: 'is a key without a colon',
  MULTIPLE_DOCS: 'begins a second document; a configuration is one',
  BAD_ALIAS: 'holds an alias; anchors and aliases are not allowed, write it out',
  BAD_SCALAR_START: 'begins with a character that needs quotes',
  TAG_RESOLVE_FAILED: 'has a tag; tags are not allowed',
};

interface Walk {
  readonly lines: LineCounter;
  readonly faults: DocumentFault[];
  readonly values: Map<string, Position>;
  readonly keys: Map<string, Position>;
}

/** Turns a node into plain data and notes positions. */
function convert(node: unknown, path: KeyPath, walk: Walk): unknown {
  if (node === null || node === undefined) return null;
  const position = at(walk, startOf(node));
  walk.values.set(pathKey(path), position);
  if (isAlias(node)) {
    return refuse(walk, { position, path, problem: 'is an alias; anchors and aliases are not allowed, write it out' });
  }
  if (path.length > DEPTH_MAX) return refuse(walk, { position, path, problem: 'is nested too deeply' });
  if (isScalar(node) || isMap(node) || isSeq(node)) {
    if (node.anchor !== undefined) {
      return refuse(walk, { position, path, problem: 'has an anchor; anchors and aliases are not allowed' });
    }
    if (node.tag !== undefined) return refuse(walk, { position, path, problem: 'has a tag; tags are not allowed' });
  }
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item, index) => convert(item, [...path, index], walk));
  if (isMap(node)) return convertMap(node.items, path, walk);
  return refuse(walk, { position, path, problem: 'is not a map, a list or a value' });
}

function convertMap(items: readonly { key: unknown; value: unknown }[], path: KeyPath, walk: Walk): object {
  const entries = new Map<string, unknown>();
  for (const { key, value } of items) {
    const position = at(walk, startOf(key));
    if (!isScalar(key) || (typeof key.value !== 'string' && typeof key.value !== 'number')) {
      walk.faults.push({ position, path, problem: 'holds a key that is not text' });
      continue;
    }
    const name = String(key.value);
    const here = [...path, name];
    if (entries.has(name)) walk.faults.push({ position, path: here, problem: 'stands here a second time' });
    // Assigning it would change the object's prototype instead of adding a key.
    else if (name === '__proto__') walk.faults.push({ position, path: here, problem: 'is not a key' });
    else {
      walk.keys.set(pathKey(here), position);
      // A key without a value has the position of its key.
      walk.values.set(pathKey(here), position);
      entries.set(name, convert(value, here, walk));
    }
  }
  return Object.fromEntries(entries);
}

/** Stands in the place of what was refused: whoever reads it knows that it has been reported. */
function refuse(walk: Walk, fault: DocumentFault): Interpolated {
  walk.faults.push(fault);
  return new Interpolated('', undefined);
}

function startOf(node: unknown): number {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? (node.range?.[0] ?? 0) : 0;
}

function at(walk: Walk, offset: number): Position {
  const { line, col } = walk.lines.linePos(offset);
  return line === 0 ? START : { line, column: col };
}

function nearestPosition(positions: ReadonlyMap<string, Position>, path: KeyPath): Position {
  for (let length = path.length; length >= 0; length -= 1) {
    const found = positions.get(pathKey(path.slice(0, length)));
    if (found !== undefined) return found;
  }
  return START;
}

function pathKey(path: KeyPath): string {
  return JSON.stringify(path);
}
