import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Problem } from '@sallyport/control';
import type { CompileRequest, CompileResult } from './compile.ts';

/** Reads and compiles in a thread of its own. Never rejects: what goes wrong there is a problem of the policy. */
export function compileInThread(request: CompileRequest): Promise<CompileResult> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL(`./compile-main${extname(import.meta.url)}`, import.meta.url), {
      name: 'compile',
      workerData: request,
    });
    worker.once('message', (result: CompileResult) => resolve(result));
    worker.once('error', (error) => {
      const why = error instanceof Error ? error.message : String(error);
      resolve({ ok: false, problems: [wholeProblem(request, `cannot be compiled: ${why}`)] });
    });
    // After a message this changes nothing.
    worker.once('exit', () => resolve({ ok: false, problems: [wholeProblem(request, 'could not be compiled')] }));
  });
}

function wholeProblem({ path }: CompileRequest, problem: string): Problem {
  const nothing = { value: undefined, allowed: undefined, suggestion: undefined };
  return { severity: 'error', file: path, line: 0, column: 0, key: '', problem, ...nothing };
}
