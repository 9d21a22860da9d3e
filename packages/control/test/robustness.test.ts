import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { formatProblem, type LoadResult, loadConfig, machineFiles, RuleImages } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

function load(text: string): LoadResult {
  return loadConfig({
    path: '/s.yaml',
    environment: {},
    files: memoryFiles({ '/s.yaml': text }),
    nowMs: 0,
    ruleImages: RULE_IMAGES,
  });
}

/** Compiling the same rules for each of a thousand files would take minutes. */
const RULE_IMAGES = new RuleImages();

/** A result must be sayable: every problem is one line and has a place in the text. */
function expectSound(result: LoadResult, text: string): void {
  const lines = text.split('\n').length;
  for (const problem of result.ok ? result.warnings : result.problems) {
    expect(formatProblem(problem)).toMatch(/^[^\n\r]+$/);
    expect(problem.line).toBeLessThanOrEqual(lines);
  }
  if (!result.ok) expect(result.problems.some(({ severity }) => severity === 'error')).toBe(true);
}

/** A load costs tens of milliseconds. Every run of the tests has other seeds, so few of each add up. */
const RUNS = 60;

/** Dozens of loads, on a machine that does something else as well. */
const PATIENCE_MS = 90_000;

const GOOD = readFileSync(new URL('fixtures/good/everything.yaml', import.meta.url), 'utf8');

describe('whatever the file holds, loading ends in a result', () => {
  it('for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => expectSound(load(text), text)),
      { numRuns: RUNS },
    );
  });

  it('for any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const text = JSON.stringify(value);
        expectSound(load(text), text);
      }),
      { numRuns: RUNS },
    );
  });

  it(
    'for any JSON in the place of any value of a good file',
    () => {
      const paths = pathsOf(parse(GOOD));
      fc.assert(
        fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
          const text = stringify(replaced(parse(GOOD), path, value));
          expectSound(load(text), text);
        }),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MS,
  );

  it(
    'for a good file with any line gone, any line twice and any character changed',
    () => {
      const lines = GOOD.split('\n');
      fc.assert(
        fc.property(fc.nat(lines.length - 1), fc.nat(2), fc.string({ maxLength: 3 }), (at, what, insert) => {
          const line = lines[at] ?? '';
          const changed = [[], [line, line], [line.slice(0, 7) + insert + line.slice(8)]][what] ?? [];
          const text = lines.toSpliced(at, 1, ...changed).join('\n');
          expectSound(load(text), text);
        }),
        { numRuns: RUNS },
      );
    },
    PATIENCE_MS,
  );
});

describe('limits', () => {
  it('refuses a file beyond 1 MB', () => {
    const result = load(`version: 1\n#${' '.repeat(1_048_576)}`);
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(['/s.yaml: is larger than 1048576 bytes']);
  });

  it('says two hundred problems and how many more there are', () => {
    const result = load(`version: 1\n${Array.from({ length: 500 }, (_, index) => `x${index}: 1`).join('\n')}`);
    const problems = result.ok ? [] : result.problems.map(formatProblem);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toBe('/s.yaml: has 303 more problems');
  });

  it('refuses more listeners and routes than it can hold', () => {
    const route = (index: number): string => `{name: r${index}, match: {path: /${index}}, upstream: u, profile: api}`;
    const routes = Array.from({ length: 5_001 }, (_, index) => route(index));
    const listeners = Array.from({ length: 65 }, (_, index) => `{name: l${index}, address: 127.0.0.1:${index + 1}}`);
    const result = load(
      `version: 1\nlisteners: [${listeners.join(',')}]\nupstreams: {u: "http://127.0.0.1:1000"}\nroutes: [${routes.join(',')}]\n`,
    );
    expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([
      '/s.yaml:2:12 listeners: has more than 64 entries',
      '/s.yaml:4:9 routes: has more than 5000 entries',
    ]);
  });
});

it('says that a file does not exist', () => {
  const result = loadConfig({ path: '/nowhere/s.yaml', environment: {}, files: machineFiles });
  expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual(['/nowhere/s.yaml: does not exist']);
});

type Path = readonly (string | number)[];

function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...entries.flatMap(([key, item]) => pathsOf(item, [...path, key]))];
}

function replaced(value: unknown, path: Path, by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === key ? replaced(item, rest, by) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === key ? replaced(item, rest, by) : item]),
  );
}
