import { resolve } from 'node:path';
import type { Environment } from './context.ts';
import type { FileReader } from './files.ts';
import type { KeyPath } from './problem.ts';

/** A text that came from outside the configuration. Its content is never shown, only the reference to it. */
export class Interpolated {
  /** As it stands in the file: `${env:NAME}`, `${file:PATH}`, `http://${env:HOST}:3000`. */
  readonly reference: string;
  /** Undefined: it could not be resolved, which has been reported. */
  readonly text: string | undefined;
  /** The file it was read from and its permission bits; undefined for variables. */
  readonly file: { readonly path: string; readonly mode: number } | undefined;

  constructor(reference: string, text: string | undefined, file?: { path: string; mode: number }) {
    this.reference = reference;
    this.text = text;
    this.file = file;
  }
}

export interface ReferenceSources {
  readonly environment: Environment;
  readonly files: FileReader;
  /** Absolute; relative paths begin here. */
  readonly directory: string;
}

export interface ReferenceFault {
  readonly path: KeyPath;
  readonly problem: string;
  readonly value: string | undefined;
}

/**
 * Replaces every text of a document that holds `${...}` by what it refers to. `${env:NAME}` may stand anywhere in a text;
 * `${file:PATH}` is a whole value, without the line break at its end. Where NAME is not set and NAME_FILE is, the file
 * that NAME_FILE names is read, as container images have it.
 */
export function resolveReferences(
  value: unknown,
  sources: ReferenceSources,
): { readonly value: unknown; readonly faults: readonly ReferenceFault[] } {
  const faults: ReferenceFault[] = [];
  return { value: visit(value, [], (text, path) => interpolate(text, path, { ...sources, faults })), faults };
}

/** True for a map of the document. */
export function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Interpolated);
}

/** True for a text that is one reference and nothing else: it cannot hold a secret, so it may be shown. */
export function isReference(text: string): boolean {
  return /^\$\{(?:env:[A-Za-z_][A-Za-z0-9_]{0,99}|file:[^{}]{1,200})\}$/.test(text);
}

/** Largest file behind `${file:...}`, in bytes: the largest certificate chains have a few kilobytes. */
export const SECRET_FILE_BYTES_MAX = 65_536;

/** Longest text a variable may bring, in UTF-16 units, for the same reason. */
const VARIABLE_LENGTH_MAX = 65_536;

interface Interpolation extends ReferenceSources {
  readonly faults: ReferenceFault[];
}

function visit(value: unknown, path: KeyPath, replace: (text: string, path: KeyPath) => unknown): unknown {
  if (typeof value === 'string') return value.includes('${') ? replace(value, path) : value;
  if (Array.isArray(value)) return value.map((item: unknown, index) => visit(item, [...path, index], replace));
  if (typeof value !== 'object' || value === null || value instanceof Interpolated) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(item, [...path, key], replace)]));
}

function interpolate(reference: string, path: KeyPath, into: Interpolation): Interpolated {
  const refuse = (problem: string): Interpolated => {
    into.faults.push({ path, problem, value: isReference(reference) ? reference : undefined });
    return new Interpolated(reference, undefined);
  };
  const file = /^\$\{file:([^{}]+)\}$/.exec(reference)?.[1];
  if (file !== undefined) {
    const found = readSecretFile(file, into);
    return typeof found === 'string' ? refuse(found) : new Interpolated(reference, found.text, found.file);
  }
  let text = '';
  let rest = reference;
  while (rest !== '') {
    const start = rest.indexOf('${');
    if (start === -1) break;
    const name = /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/.exec(rest.slice(start))?.[1];
    if (name === undefined) return refuse(NOT_A_REFERENCE);
    const found = readVariable(name, into);
    if (typeof found === 'string') return refuse(found);
    if (found.file !== undefined && reference !== `\${env:${name}}`) return refuse(NOT_A_REFERENCE);
    if (found.file !== undefined) return new Interpolated(reference, found.text, found.file);
    text += rest.slice(0, start) + found.text;
    rest = rest.slice(start + name.length + '${env:}'.length);
  }
  return new Interpolated(reference, text + rest);
}

const NOT_A_REFERENCE = 'holds ${ without a reference: write ${env:NAME}, or ${file:PATH} as the whole value';

interface Found {
  readonly text: string;
  readonly file: { readonly path: string; readonly mode: number } | undefined;
}

function readVariable(name: string, into: Interpolation): Found | string {
  const text = variable(into.environment, name);
  const file = variable(into.environment, `${name}_FILE`);
  if (text !== undefined && file !== undefined) {
    return `is ambiguous: the environment variables ${name} and ${name}_FILE are both set`;
  }
  if (file !== undefined) return readSecretFile(file, into);
  if (text === undefined) return `needs the environment variable ${name}, which is not set`;
  if (text === '') return `needs the environment variable ${name}, which is empty`;
  if (text.length > VARIABLE_LENGTH_MAX) return `the environment variable ${name} is too long`;
  return { text, file: undefined };
}

function readSecretFile(path: string, into: Interpolation): Found | string {
  const absolute = resolve(into.directory, path);
  const read = into.files.read(absolute, SECRET_FILE_BYTES_MAX);
  if (read.kind === 'failure') return `refers to a file that ${read.why}`;
  const text = read.text.replace(/\r?\n$/, '');
  if (text === '') return 'refers to a file that is empty';
  return { text, file: { path: absolute, mode: read.mode } };
}

function variable(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}
