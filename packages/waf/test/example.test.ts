import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { first, lines, verdict } from './example.ts';

test('the example of the README runs, and refuses with an explanation', () => {
  expect(verdict).toMatchObject({ kind: 'deny', status: 403, cause: 'rule', ruleId: 900, message: 'Score 5' });
  expect(lines).toHaveLength(2);
  expect(first).toMatchObject({
    id: 100,
    message: 'SQL injection in ARGS:name',
    values: [{ name: 'ARGS:name', value: "x' OR '1'='1", transformations: ['urldecodeuni'] }],
    scores: [{ variable: 'score', added: 5 }],
  });
});

test('the README shows the example as it is', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(read('../README.md')).toContain(read('example.ts').trim());
});
