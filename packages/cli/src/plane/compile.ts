import { createHash } from 'node:crypto';
import type { Problem, SallyportConfig } from '@sallyport/control';
import { compilePolicy, type PolicyImage } from '@sallyport/gateway';

/** What is to be compiled. */
export interface CompileRequest {
  readonly version: number;
  readonly path: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Parts of it that have not changed are not compiled again. */
  readonly previous: PolicyImage | undefined;
}

export type CompileResult = Compiled | { readonly ok: false; readonly problems: readonly Problem[] };

export interface Compiled {
  readonly ok: true;
  /** Without the entries of lists and without rules, which only their compiled form is needed of. */
  readonly config: SallyportConfig;
  /** Of everything that was configured. */
  readonly hash: string;
  readonly image: PolicyImage;
  readonly warnings: readonly Problem[];
  readonly compileMs: number;
}

/** Compiles what was loaded. */
export function compileConfig(
  config: SallyportConfig,
  { version, previous }: Pick<CompileRequest, 'version' | 'previous'>,
): Omit<Compiled, 'ok' | 'warnings'> {
  const sinceMs = performance.now();
  const image = compilePolicy(config.gateway, version, { previous, ruleSets: config.ruleSets });
  const hash = createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, HASH_DIGITS);
  const gateway = { ...config.gateway, lists: { allow: [], deny: [] } };
  return { config: { ...config, gateway, ruleSets: new Map() }, hash, image, compileMs: performance.now() - sinceMs };
}

const HASH_DIGITS = 16;
