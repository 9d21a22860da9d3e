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
  /** Of long lists and of rules only what they are: their entries are needed in compiled form alone. */
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
  const { allow, deny } = config.gateway.lists;
  const gateway = { ...config.gateway, lists: { allow: withoutEntries(allow), deny: withoutEntries(deny) } };
  return { config: { ...config, gateway, ruleSets: new Map() }, hash, image, compileMs: performance.now() - sinceMs };
}

const HASH_DIGITS = 16;

/** A list that people have written is kept as it is; of a feed they want to know whether it is another one. */
function withoutEntries(networks: readonly string[]): readonly string[] {
  if (networks.length <= NETWORKS_KEPT_MAX) return networks;
  const hash = createHash('sha256').update(networks.join('\n')).digest('hex').slice(0, HASH_DIGITS);
  return [`${networks.length} networks, sha256 ${hash}`];
}

/** Entries of a list that are kept with each policy of the history. */
const NETWORKS_KEPT_MAX = 1_000;
