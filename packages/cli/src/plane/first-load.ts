import { type LoadResult, loadConfig, RuleImages, type RuleImagesOptions } from '@sallyport/control';
import type { CompileRequest } from './compile.ts';
import type { CompileThread } from './compile-thread.ts';
import { openCompiledRules } from './compiled-rules.ts';

export interface FirstLoad extends Pick<CompileRequest, 'path' | 'environment'> {
  /** Hears of compiled rules that cannot be read or kept. */
  readonly onProblem: (problem: string) => void;
  /** Compiles what no earlier process has compiled, and is closed after that. */
  readonly compiler: Pick<CompileThread, 'compile' | 'close'>;
}

/**
 * Loads the configuration of a process that starts. Rules that nobody has kept are compiled in a thread that ends: in this one
 * the memory of a compilation, some fifty mebibytes for the CRS, would stay for as long as the process lives.
 */
export async function firstLoad({ path, environment, onProblem, compiler }: FirstLoad): Promise<LoadResult> {
  const problems: string[] = [];
  const openStore: RuleImagesOptions['openStore'] = (folder) =>
    openCompiledRules(folder, (problem) => problems.push(problem));
  const kept = new RuleImages({ openStore, ifMissing: 'leaveOut' });
  const loaded = loadConfig({ path, environment, ruleImages: kept });
  if (!kept.lacksSome) {
    for (const problem of problems) onProblem(problem);
    return loaded;
  }
  // The thread asks the store again, and says itself what it cannot do.
  const compiled = await compiler.compile({ path, environment, version: 1, previous: undefined });
  compiler.close();
  if (!compiled.ok) return compiled;
  return loadConfig({
    path,
    environment,
    ruleImages: new RuleImages({ previous: compiled.image.stages.waf.ruleSets }),
  });
}
