import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** The folder of the Compose file. */
export const COMPOSE: string = fileURLToPath(new URL('../../deploy/compose', import.meta.url));

/** A service of the Compose file, as far as tests look at it. */
export interface Service {
  readonly image: string;
  readonly user: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes?: readonly Mount[];
  readonly secrets?: readonly string[];
  readonly ports?: unknown;
  readonly network_mode?: unknown;
  readonly privileged?: unknown;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly cap_add?: unknown;
  readonly security_opt: readonly string[];
  readonly restart: string;
  readonly pids_limit: number;
  readonly healthcheck: Readonly<Record<'interval' | 'timeout' | 'start_period', string>> & {
    readonly test: readonly string[];
  };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly deploy: { readonly resources: { readonly limits: Readonly<Record<string, unknown>> } };
}

interface Mount {
  readonly type: 'bind' | 'volume';
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly volume?: { readonly nocopy?: boolean };
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<
    Record<string, { readonly driver_opts?: { readonly type: string; readonly o: string } } | null>
  >;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

/** The file with its anchors and merges resolved; `readCompose` and the schema see the same. */
export function composeDocument(): unknown {
  return parse(readFileSync(`${COMPOSE}/compose.yaml`, 'utf8'), { merge: true });
}

export function readCompose(): Compose {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The schema of Compose is tested beside this.
  return composeDocument() as Compose;
}
