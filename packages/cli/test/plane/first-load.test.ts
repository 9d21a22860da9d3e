import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoadResult, loadConfig, RuleImages } from '@sallyport/control';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CompileRequest, type CompileResult, compileConfig } from '../../src/plane/compile.ts';
import { openCompiledRules } from '../../src/plane/compiled-rules.ts';
import { firstLoad } from '../../src/plane/first-load.ts';
import { writeInspectingConfig } from './inspecting-config.ts';

let base = '';
let problems: string[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-first-load-'));
  problems = [];
  writeRules('SecRule ARGS "@rx passwd" "id:10,phase:2,deny,status:403"\n');
  writeInspectingConfig(base);
});

afterEach(() => {
  rmSync(base, { recursive: true });
});

function writeRules(text: string): void {
  writeFileSync(join(base, 'own.conf'), text);
}

/** What the thread does, in this one. */
class CompilerHere {
  readonly results: CompileResult[] = [];
  isClosed = false;

  compile(request: CompileRequest): Promise<CompileResult> {
    const openStore = (folder: string): ReturnType<typeof openCompiledRules> =>
      openCompiledRules(folder, (problem) => problems.push(problem));
    const loaded = loadConfig({ ...request, ruleImages: new RuleImages({ openStore }) });
    const result: CompileResult = loaded.ok
      ? { ok: true, ...compileConfig(loaded.config, request), warnings: loaded.warnings }
      : loaded;
    this.results.push(result);
    return Promise.resolve(result);
  }

  close(): void {
    this.isClosed = true;
  }
}

function load(compiler: CompilerHere): Promise<LoadResult> {
  const path = join(base, 'sallyport.yaml');
  return firstLoad({ path, environment: {}, onProblem: (problem) => problems.push(problem), compiler });
}

describe('the first load of a process', () => {
  it('has rules that nobody has kept compiled elsewhere, and that ended', async () => {
    const compiler = new CompilerHere();
    const loaded = await load(compiler);
    const [compiled] = compiler.results;
    if (!loaded.ok || compiled?.ok !== true) throw new Error('the rules do not compile');
    expect(compiler.isClosed).toBe(true);
    expect([...loaded.config.ruleSets.values()]).toEqual([...compiled.image.stages.waf.ruleSets.values()]);
    expect(loaded.config.ruleSets.size).toBe(1);
    expect([...loaded.config.ruleSets.keys()]).toContain(loaded.config.gateway.waf.policy.ruleSet);
  });

  it('has nothing compiled where an earlier process has kept the rules', async () => {
    await load(new CompilerHere());
    const compiler = new CompilerHere();
    const loaded = await load(compiler);
    expect([compiler.results, problems]).toEqual([[], []]);
    expect(loaded.ok && loaded.config.ruleSets.size).toBe(1);
  });

  it('says what is wrong with rules, and with the rest of the file', async () => {
    writeRules('SecRule ARGS "@rx (" "id:10,phase:2,deny"\n');
    const loaded = await load(new CompilerHere());
    expect(loaded.ok ? [] : loaded.problems.map(({ file }) => file)).toEqual([join(base, 'own.conf')]);
  });

  it('compiles nothing for a file that inspects nothing', async () => {
    writeFileSync(join(base, 'sallyport.yaml'), 'version: 1\nlisteners: []\nwaf: { mode: off }\n');
    const compiler = new CompilerHere();
    const loaded = await load(compiler);
    expect([loaded.ok, compiler.results]).toEqual([false, []]);
  });
});
