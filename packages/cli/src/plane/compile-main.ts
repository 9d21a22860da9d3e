/**
 * Reads and compiles a configuration in a thread of its own, so that neither those who are served nor the control plane wait
 * for it. Ends with one message.
 */
import { strict as assert } from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { loadConfig, RuleImages } from '@sallyport/control';
import { type CompileRequest, type CompileResult, compileConfig } from './compile.ts';
import { openCompiledRules } from './compiled-rules.ts';

assert(parentPort !== null, 'this file runs in a worker thread');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `compileInThread` starts this file, and with this.
const asked = workerData as CompileRequest;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- Between threads there are no origins.
parentPort.postMessage(compile(asked));

function compile(request: CompileRequest): CompileResult {
  const sinceMs = performance.now();
  const loaded = loadConfig({
    path: request.path,
    environment: request.environment,
    ruleImages: new RuleImages({
      previous: request.previous?.stages.waf.ruleSets,
      openStore: (folder) => openCompiledRules(folder, (problem) => void process.stderr.write(`${problem}\n`)),
    }),
  });
  if (!loaded.ok) return { ok: false, problems: loaded.problems };
  const compiled = compileConfig(loaded.config, request);
  // Reading, checking and compiling; not the start of the thread.
  return { ok: true, ...compiled, warnings: loaded.warnings, compileMs: performance.now() - sinceMs };
}
