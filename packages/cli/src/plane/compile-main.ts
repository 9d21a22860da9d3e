/**
 * Reads and compiles configurations in a thread of its own, so that neither those who are served nor the control plane wait
 * for it: one result for each request.
 */
import { strict as assert } from 'node:assert';
import { parentPort } from 'node:worker_threads';
import { loadConfig, RuleImages } from '@sallyport/control';
import { type CompileRequest, type CompileResult, compileConfig } from './compile.ts';
import { openCompiledRules } from './compiled-rules.ts';

const port = parentPort;
assert(port !== null, 'this file runs in a worker thread');
port.on('message', (request: CompileRequest) => port.postMessage(compile(request)));

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
