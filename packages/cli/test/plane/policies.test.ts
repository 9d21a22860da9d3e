import { loadConfig, type Problem, RuleImages } from '@sallyport/control';
import { memoryFiles } from '@sallyport/control/memory-files';
import type { PolicyImage } from '@sallyport/gateway';
import { ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { type Compiled, type CompileRequest, type CompileResult, compileConfig } from '../../src/plane/compile.ts';
import { Policies } from '../../src/plane/policies.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const ORDER = { source: 'api', author: 'alice' } as const;

/** A configuration file that is a word, in front of workers that publish when they may. */
class Rig {
  /** The good ones differ in a limit; `bad` is not good. */
  text: 'a' | 'b' | 'other-log' | 'bad' = 'a';
  isPublishing = true;
  readonly published: PolicyImage[] = [];
  readonly refusals: string[] = [];
  readonly requests: CompileRequest[] = [];
  readonly policies: Policies;

  static withFile(): Rig {
    return new Rig({ path: 'f', environment: {} });
  }

  constructor(file: Pick<CompileRequest, 'path' | 'environment'> | undefined) {
    this.policies = new Policies({
      clock: new ManualClock(),
      first: compiled('a', 1),
      file,
      compile: (request) => Promise.resolve(this.#compile(request)),
      publish: (image) => this.#publish(image),
      earlier: [],
      onAttempt: () => undefined,
      onPublished: () => undefined,
      onRefused: (why) => this.refusals.push(why),
    });
  }

  results(): readonly (readonly [string, number | undefined])[] {
    return this.policies.history.attempts.map(({ result, version }) => [result, version]);
  }

  #compile(request: CompileRequest): CompileResult {
    this.requests.push(request);
    return this.text === 'bad' ? { ok: false, problems: [PROBLEM] } : compiled(this.text, request.version);
  }

  #publish(image: PolicyImage): Promise<void> {
    if (!this.isPublishing) return Promise.reject(new Error('worker 1 cannot use it'));
    this.published.push(image);
    return Promise.resolve();
  }
}

const PROBLEM: Problem = {
  severity: 'error',
  file: 'f',
  line: 3,
  column: 1,
  key: 'routes',
  problem: 'is wrong',
  value: undefined,
  allowed: undefined,
  suggestion: undefined,
};

function compiled(text: 'a' | 'b' | 'other-log', version: number): Compiled {
  const yaml = `version: 1
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:3000" }
routes: [{ name: game, upstream: game, profile: game, request: { bodyMax: ${text === 'b' ? 32 : 64}KB } }]
log: { level: ${text === 'other-log' ? 'debug' : 'info'} }
`;
  const loaded = loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/f',
    environment: {},
    files: memoryFiles({ '/f': yaml }),
    nowMs: 0,
  });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return { ok: true, ...compileConfig(loaded.config, { version, previous: undefined }), warnings: [] };
}

describe('the policies of a running gateway', () => {
  it('are at first the one it began with', () => {
    const rig = Rig.withFile();
    expect(rig.results()).toEqual([['published', 1]]);
    expect(rig.policies.history.current?.source).toBe('start');
  });

  it('get the next number when the file has changed, and build on the one in force', async () => {
    const rig = Rig.withFile();
    rig.text = 'b';
    expect(await rig.policies.reload(ORDER)).toMatchObject({ kind: 'published', version: 2, warnings: [] });
    expect(rig.published.map(({ version }) => version)).toEqual([2]);
    expect(rig.requests[0]).toMatchObject({ path: 'f', version: 2, previous: { version: 1 } });
    expect(rig.policies.history.current).toMatchObject({ version: 2, author: 'alice', source: 'api' });
  });

  it('get no number when the file means the same', async () => {
    const rig = Rig.withFile();
    expect(await rig.policies.reload(ORDER)).toMatchObject({ kind: 'unchanged', version: 1 });
    expect(rig.published).toEqual([]);
    expect(rig.results().at(-1)).toEqual(['unchanged', undefined]);
  });

  it('stay as they are when the file is wrong, which is told and written down', async () => {
    const rig = Rig.withFile();
    rig.text = 'bad';
    expect(await rig.policies.reload(ORDER)).toEqual({ kind: 'refused', problems: [PROBLEM] });
    expect(rig.refusals).toEqual(['1 error in f']);
    expect(rig.policies.history.attempts.at(-1)?.problems[0]).toContain('is wrong');
    expect(rig.policies.history.current?.version).toBe(1);
  });

  it('stay as they are when no worker can use the new one, and lose no number over it', async () => {
    const rig = Rig.withFile();
    rig.text = 'b';
    rig.isPublishing = false;
    expect(await rig.policies.reload(ORDER)).toEqual({ kind: 'failed', detail: 'worker 1 cannot use it' });
    expect(rig.policies.history.current?.version).toBe(1);
    rig.isPublishing = true;
    expect(await rig.policies.reload(ORDER)).toMatchObject({ kind: 'published', version: 2 });
    expect(rig.results()).toEqual([
      ['published', 1],
      ['failed', undefined],
      ['published', 2],
    ]);
  });

  it('come back with one call, under a new number', async () => {
    const rig = Rig.withFile();
    rig.text = 'b';
    await rig.policies.reload(ORDER);
    const order = { source: 'rollback', author: 'bob' } as const;
    expect(await rig.policies.rollback(1, order)).toMatchObject({ kind: 'published', version: 3 });
    const [first, , third] = rig.policies.history.attempts;
    expect([third?.hash, third?.content?.config]).toEqual([first?.hash, first?.content?.config]);
    expect(await rig.policies.rollback(3, order)).toMatchObject({ kind: 'unchanged', version: 3 });
    expect(await rig.policies.rollback(4, order)).toBeUndefined();
  });

  it('are asked for one after the other', async () => {
    const rig = Rig.withFile();
    rig.text = 'b';
    const outcomes = await Promise.all([rig.policies.reload(ORDER), rig.policies.reload(ORDER)]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['published', 'unchanged']);
  });

  it('warn of what only the next start takes over', async () => {
    const rig = Rig.withFile();
    rig.text = 'other-log';
    const outcome = await rig.policies.reload(ORDER);
    expect(outcome.kind === 'published' && outcome.warnings.map(({ key }) => key)).toEqual(['log']);
  });

  it('do not change where there is no file', async () => {
    expect(await new Rig(undefined).policies.reload(ORDER)).toMatchObject({ kind: 'failed' });
  });
});
