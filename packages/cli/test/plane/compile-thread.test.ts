import { describe, expect, it } from 'vitest';
import type { CompileRequest, CompileResult } from '../../src/plane/compile.ts';
import { CompileThread } from '../../src/plane/compile-thread.ts';

/** A thread that runs this, in place of the compiler. */
function threadOf(source: string): { thread: CompileThread; passTime: () => void } {
  const waiting = new Set<() => void>();
  const thread = new CompileThread({
    file: new URL(
      `data:text/javascript,${encodeURIComponent(`import { parentPort as port } from 'node:worker_threads'; ${source}`)}`,
    ),
    later: (_ms, callback) => {
      waiting.add(callback);
      return () => waiting.delete(callback);
    },
  });
  const passTime = (): void => {
    for (const callback of waiting) callback();
  };
  return { thread, passTime };
}

const request = (version: number): CompileRequest => ({ version, path: '/f', environment: {}, previous: undefined });

function problemOf(result: CompileResult): string | undefined {
  return result.ok ? undefined : result.problems[0]?.problem;
}

/** Refuses everything, and says how often it was asked. */
const COUNTS = `let asked = 0;
port.on('message', () => port.postMessage({ ok: false, problems: [{ problem: 'refusal ' + ++asked }] }));`;

describe('the thread that compiles configurations', () => {
  it('is the same one for the next configuration', async () => {
    const { thread, passTime } = threadOf(COUNTS);
    const results = await Promise.all([1, 2].map((version) => thread.compile(request(version))));
    expect(results.map(problemOf)).toEqual(['refusal 1', 'refusal 2']);
    passTime();
  });

  it('ends when it has been quiet for its time, and another one comes in its place', async () => {
    const { thread, passTime } = threadOf(COUNTS);
    await thread.compile(request(1));
    expect(thread.isThere).toBe(true);
    passTime();
    expect(thread.isThere).toBe(false);
    expect(problemOf(await thread.compile(request(2)))).toBe('refusal 1');
    passTime();
  });

  it('is given up when it does not answer in time, and does not block who comes after', async () => {
    const { thread, passTime } = threadOf(`port.on('message', ({ version }) => {
      if (version === 1) for (;;);
      port.postMessage({ ok: false, problems: [{ problem: 'refusal' }] });
    });`);
    const first = thread.compile(request(1));
    const second = thread.compile(request(2));
    await Promise.resolve();
    passTime();
    expect(problemOf(await first)).toBe('could not be compiled within 120 seconds');
    expect(problemOf(await second)).toBe('refusal');
    passTime();
  });

  it.each([
    [`throw new Error('no memory');`, 'cannot be compiled: no memory'],
    [`process.exit(0);`, 'could not be compiled'],
  ])('that ends instead of answering is a problem of the policy: %s', async (end, problem) => {
    const { thread } = threadOf(`port.on('message', () => { ${end} });`);
    expect(problemOf(await thread.compile(request(1)))).toBe(problem);
    expect(thread.isThere).toBe(false);
  });

  it('that ended while it was quiet is replaced for the next configuration', async () => {
    const { thread, passTime } = threadOf(`port.on('message', ({ version }) => {
      port.postMessage({ ok: false, problems: [{ problem: 'refusal' }] });
      if (version === 1) setImmediate(() => process.exit(0));
    });`);
    expect(problemOf(await thread.compile(request(1)))).toBe('refusal');
    await expect.poll(() => thread.isThere).toBe(false);
    expect(problemOf(await thread.compile(request(2)))).toBe('refusal');
    passTime();
  });
});
