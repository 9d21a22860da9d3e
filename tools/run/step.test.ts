import { spawnSync } from 'node:child_process';
import { describe, expect, test, vi } from 'vitest';
import { runStep, type Step } from './step.ts';

describe('a step', () => {
  const node = (script: string, format: Step['format'] = 'none'): Step => ({
    name: 'step',
    command: ['node', '--eval', script],
    timeoutMs: 10_000,
    format,
  });

  test('is good when its program ends with 0', async () => {
    expect(await runStep(node('console.log("a"); console.error("b")'))).toMatchObject({
      isGood: true,
      why: '',
      totals: { passed: 0, failed: 0 },
      output: expect.stringMatching(/^(?:a\nb|b\na)\n$/),
    });
  });

  test('runs on the locked Node', async () => {
    expect((await runStep(node('console.log(process.version)'))).output).toBe(`${process.version}\n`);
  });

  test.each<[string, Step, string]>([
    ['that ends with another code', node('process.exit(3)'), 'ended with 3'],
    ['that is killed', node('process.kill(process.pid, "SIGTERM")'), 'ended with SIGTERM'],
    ['that does not exist', { ...node(''), command: ['no-such-program'] }, 'no-such-program did not start'],
    ['that hangs', { ...node('setInterval(() => {}, 1000)'), timeoutMs: 300 }, 'not done after 0 s'],
    ['that should have counted', node('', 'vitest'), 'it ran no test'],
  ])('counts as one failure with a program %s', async (_, step, why) => {
    const outcome = await runStep(step);
    expect(outcome).toMatchObject({ isGood: false, totals: { failed: 1 } });
    expect(outcome.why).toContain(why);
  });

  test('ends with everything its program started', async () => {
    const orphan = "require('node:child_process').spawn('sleep', ['60'], { stdio: 'inherit' })";
    const { output } = await runStep(node(`console.log(${orphan}.pid); process.exit(0)`));
    await vi.waitFor(() => expect(isRunning(Number(output))).toBe(false), 5_000);
  });
});

/** False for a process that is gone, or dead and not yet buried by its new parent. */
function isRunning(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}
