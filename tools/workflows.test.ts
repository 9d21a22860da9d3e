import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT, readText } from './source/files.ts';

const FOLDER = '.github/workflows';

/** Actions of the platform itself: the only ones that may be named by version. Others are pinned by commit. */
const PLATFORM_ACTIONS: readonly string[] = ['actions/', 'github/'];

/** What is wrong with one workflow; who can change a workflow can publish in our name. */
function problemsOf(name: string, text: string): readonly string[] {
  const problems: string[] = [];
  if (!/^permissions: \{\}$/m.test(text)) problems.push(`${name}: does not begin with no permissions`);
  if (/\bpull_request_target\b|\bworkflow_run\b/.test(text)) {
    problems.push(`${name}: runs code of strangers with our rights`);
  }
  // An expression is put into a script as text; the environment carries it as data.
  if (/^ *(?! |if:|group:|[A-Z_]+:).*\$\{\{/m.test(text)) {
    problems.push(`${name}: puts what a stranger wrote into a command`);
  }
  const jobs = text
    .slice(text.indexOf('\njobs:'))
    .split(/^ {2}(?=[\w-]+:$)/m)
    .slice(1);
  for (const job of jobs) {
    const title = `${name}: ${job.slice(0, job.indexOf(':'))}`;
    if (!/^ {4}permissions:\n {6}\S/m.test(job)) problems.push(`${title} does not say what it may do`);
    if (!/^ {4}timeout-minutes: \d+$/m.test(job)) problems.push(`${title} may run for ever`);
    const checkouts = job.match(/uses: actions\/checkout@/g)?.length ?? 0;
    const withoutCredentials = job.match(/persist-credentials: false/g)?.length ?? 0;
    if (checkouts !== withoutCredentials) problems.push(`${title} leaves its token in the working copy`);
    if (/npm ci(?! --ignore-scripts)/.test(job)) problems.push(`${title} runs install scripts`);
  }
  return [...problems, ...unpinned(name, text)];
}

function unpinned(name: string, text: string): readonly string[] {
  return [...text.matchAll(/uses: (\S+)/g)]
    .map(([, action]) => action ?? '')
    .filter((action) => !/@[0-9a-f]{40}$/.test(action))
    .filter((action) => !PLATFORM_ACTIONS.some((owner) => action.startsWith(owner)) || !/@v\d+$/.test(action))
    .map((action) => `${name}: ${action} is not pinned by commit`);
}

describe('the workflows (R0.27)', () => {
  test.each(readdirSync(join(ROOT, FOLDER)))('%s may do no more than it has to', (name) => {
    expect(problemsOf(name, readText(`${FOLDER}/${name}`))).toEqual([]);
  });

  test('say all that is wrong with a bad one', () => {
    const text = [
      'on: pull_request_target',
      'jobs:',
      '  build:',
      '    steps:',
      '      - uses: actions/checkout@v5',
      '      - uses: somebody/something@v1',
      '      - run: npm ci',
      '      - run: echo ${{ github.event.issue.title }}',
    ].join('\n');
    expect(problemsOf('bad.yml', text)).toEqual([
      'bad.yml: does not begin with no permissions',
      'bad.yml: runs code of strangers with our rights',
      'bad.yml: puts what a stranger wrote into a command',
      'bad.yml: build does not say what it may do',
      'bad.yml: build may run for ever',
      'bad.yml: build leaves its token in the working copy',
      'bad.yml: build runs install scripts',
      'bad.yml: somebody/something@v1 is not pinned by commit',
    ]);
  });
});
