import { dirname, resolve } from 'node:path';
import type { Environment, Mode } from './context.ts';
import { type ConfigDocument, type Position, parseConfigDocument } from './document.ts';
import { readDotenv } from './dotenv.ts';
import { type FileReader, machineFiles } from './files.ts';
import { type Finding, finding } from './issues.ts';
import { parseParts, type SallyportConfig } from './parts.ts';
import { formatKey, type Problem } from './problem.ts';
import { isSection, resolveReferences } from './references.ts';
import { RuleImages } from './rules/rule-images.ts';
import { MODES } from './schema/sections.ts';

export interface LoadOptions {
  /** Of the configuration file. Relative paths begin at the working directory. */
  readonly path: string;
  /** What `${env:NAME}` refers to, beside the `.env` files next to the configuration. Usually the process environment. */
  readonly environment: Environment;
  /** Default: the files of this machine. */
  readonly files?: FileReader;
  /** Milliseconds since 1970, to judge certificates. Default: now. */
  readonly nowMs?: number;
  /** Compiled rules of earlier loads, which are not compiled again. Default: none. */
  readonly ruleImages?: RuleImages;
}

export type LoadResult =
  | { readonly ok: true; readonly config: SallyportConfig; readonly warnings: readonly Problem[] }
  /** Errors and warnings, in the order of the file. */
  | { readonly ok: false; readonly problems: readonly Problem[] };

/**
 * Reads a configuration and everything it refers to. Never throws: whatever is wrong is a problem, and all problems are
 * told at once. Nothing is ever replaced by a default because it was wrong.
 */
export function loadConfig(options: LoadOptions): LoadResult {
  const files = options.files ?? machineFiles;
  const path = resolve(options.path);
  const read = files.read(path, CONFIG_BYTES_MAX);
  if (read.kind === 'failure') return { ok: false, problems: [wholeFileProblem(options.path, read.why)] };
  const document = parseConfigDocument(read.text);
  const mode = modeOf(document.value, options.environment);
  const sources = { environment: options.environment, directory: dirname(path), mode, files };
  const { environment, faults, foreignValues } = readDotenv(sources);
  const references = resolveReferences(document.value, { ...sources, environment });
  const context = { ...sources, nowMs: options.nowMs ?? Date.now(), foreignValues, isWarning: true };
  const images = options.ruleImages ?? new RuleImages();
  const parsed = parseParts(references.value, context, images);
  const found: Found[] = [
    ...document.faults.map((fault) => ({ ...finding(fault.path, fault.problem), position: fault.position })),
    ...references.faults.map((fault) => finding(fault.path, fault.problem, { value: fault.value })),
    // Of a document that could not be read nothing more can be said.
    ...(document.value === undefined ? [] : parsed.findings),
  ];
  const inFile = found.map((item) => locate(item, options.path, document));
  inFile.sort((left, right) => left.line - right.line || left.column - right.column);
  const problems = faults
    .map((fault) => ({ ...wholeFileProblem(fault.file, fault.problem), severity: fault.severity }))
    .concat(inFile, parsed.problems);
  const hasErrors = problems.some(({ severity }) => severity === 'error');
  if (hasErrors || parsed.config === undefined) return { ok: false, problems: limited(problems, options.path) };
  return { ok: true, config: parsed.config, warnings: limited(problems, options.path) };
}

/** Largest configuration file, in bytes: a thousand routes have half of it. */
export const CONFIG_BYTES_MAX = 1_048_576;

/** Most problems that are told: a file of another format would fill the screen. */
const PROBLEMS_MAX = 200;

/**
 * The mode decides which `.env` file is read, so it is known before any of them is: from the file, or from the process
 * environment. What is no mode is reported later; until then the strictest one holds.
 */
export function modeOf(root: unknown, environment: Environment): Mode {
  const raw = isSection(root) ? root['mode'] : undefined;
  const name = typeof raw === 'string' ? /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(raw)?.[1] : undefined;
  const text = name === undefined ? raw : environment[name];
  return MODES.find((mode) => mode === text) ?? 'production';
}

type Found = Finding & { readonly position?: Position };

function locate(found: Found, file: string, document: ConfigDocument): Problem {
  const { severity, problem, value, allowed, suggestion, path } = found;
  const at = found.position ?? (found.isAboutKey ? document.keyPositionOf(path) : document.positionOf(path));
  return {
    severity,
    file,
    line: at.line,
    column: at.column,
    key: formatKey(path),
    problem,
    value,
    allowed,
    suggestion,
  };
}

function wholeFileProblem(file: string, problem: string): Problem {
  const nothing = { value: undefined, allowed: undefined, suggestion: undefined };
  return { severity: 'error', file, line: 0, column: 0, key: '', problem, ...nothing };
}

function limited(problems: readonly Problem[], file: string): readonly Problem[] {
  if (problems.length <= PROBLEMS_MAX) return problems;
  const rest = problems.length - PROBLEMS_MAX;
  return [...problems.slice(0, PROBLEMS_MAX), wholeFileProblem(file, `has ${rest} more problems`)];
}
