import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadConfig, RuleImages } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const ROOT = new URL('../../../', import.meta.url);
const EXAMPLES = new URL('deploy/examples/', ROOT);

/** Problems that are about files of the reader's machine and not about the text. */
function problemsOf(text: string): readonly string[] {
  const result = loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/etc/s.yaml',
    environment: {},
    files: memoryFiles({ '/etc/s.yaml': text }),
  });
  const problems = result.ok ? result.warnings : result.problems;
  return problems
    .map(({ key, problem }) => `${key} ${problem}`)
    .filter((line) => !line.endsWith('names a file that does not exist'));
}

describe('what the documents show', () => {
  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('deploy/examples/%s is good', (name) => {
    expect(problemsOf(readFileSync(new URL(name, EXAMPLES), 'utf8'))).toEqual([]);
  });

  it('the first configuration is good', () => {
    const page = readFileSync(new URL('docs/first-configuration.md', ROOT), 'utf8');
    const [first] = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
    expect(first).toContain('version: 1');
    expect(problemsOf(first ?? '')).toEqual([]);
  });
});
