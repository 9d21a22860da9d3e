import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  describeConfig,
  formatProblem,
  type LoadResult,
  loadConfig,
  RuleImages,
  renderJsonSchema,
} from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const FIXTURES = new URL('fixtures/', import.meta.url);

const ENVIRONMENT = {
  SALLYPORT_MODE: 'staging',
  PORT: '8080',
  GAME_SERVER_URL: 'http://127.0.0.1:3000',
  SPARE_HOST: 'spare',
  SPARE_WEIGHT: '2',
  DOMAIN: 'example.com',
  UPSTREAMS: 'game',
};

function load(text: string, name = 'sallyport.yaml'): LoadResult {
  const path = `/etc/${name}`;
  return loadConfig({
    ruleImages: RULE_IMAGES,
    path,
    environment: ENVIRONMENT,
    files: memoryFiles({ [path]: text }),
    nowMs: 0,
  });
}

function fixtures(kind: 'good' | 'bad', ending: string): readonly string[] {
  return readdirSync(new URL(`${kind}/`, FIXTURES)).filter((name) => name.endsWith(ending));
}

function read(name: string): string {
  return readFileSync(new URL(name, FIXTURES), 'utf8');
}

describe('good configurations', () => {
  it.each(fixtures('good', '.yaml'))('%s has no problem', (name) => {
    const result = load(read(`good/${name}`));
    expect(result.ok ? result.warnings : result.problems).toEqual([]);
  });

  it.each(fixtures('good', '.yaml'))('%s is the same when it is described and read again', (name) => {
    const first = load(read(`good/${name}`));
    if (!first.ok) throw new Error('not good');
    const second = load(describeConfig(first.config));
    expect(second.ok ? second.config : second.problems).toEqual(first.config);
  });

  it('survive the way into another thread', () => {
    for (const name of fixtures('good', '.yaml')) {
      const result = load(read(`good/${name}`));
      if (result.ok) expect(structuredClone(result.config)).toEqual(result.config);
    }
  });
});

describe('bad configurations', () => {
  it.each(fixtures('bad', '.yaml'))('%s has all the problems beside it, in their places', (name) => {
    const result = load(read(`bad/${name}`), name);
    const problems = result.ok ? [] : result.problems;
    const lines = problems.map((problem) => formatProblem({ ...problem, file: name }));
    expect(lines).toEqual(
      read(`bad/${name.replace('.yaml', '.txt')}`)
        .trimEnd()
        .split('\n'),
    );
  });
});

describe('the JSON Schema for editors', () => {
  const published: Parameters<typeof z.fromJSONSchema>[0] = JSON.parse(renderJsonSchema());
  const schema = z.fromJSONSchema(published);

  it.each(fixtures('good', '.yaml'))('takes %s', (name) => {
    const { error } = schema.safeParse(parse(read(`good/${name}`)));
    expect(error?.issues).toBeUndefined();
  });

  it.each(['misspelt-keys', 'wrong-kinds', 'missing'])('refuses %s', (name) => {
    expect(schema.safeParse(parse(read(`bad/${name}.yaml`))).success).toBe(false);
  });
});
