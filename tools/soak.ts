/**
 * Runs one long campaign in full: `npm run soak -- NAME [--seed N] [--seconds N]`.
 *
 * A campaign is a file `<name>.campaign.ts` under `e2e/campaigns/` that exports `campaign`. `npm test` runs every
 * campaign briefly, from a printed seed; here it runs to its full count. Results go to docs/measurements.md.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface CampaignOptions {
  /** Seed of every random choice; the same seed gives the same inputs. */
  readonly seed: number;
  /** Stop after this many inputs. */
  readonly countMax: number;
  /** Stop after this many seconds, whatever was reached. */
  readonly secondsMax: number;
}

export interface CampaignResult {
  /** Inputs tried. */
  readonly count: number;
  /** What went wrong, each with the input that shows it. Empty when the campaign holds. */
  readonly failures: readonly string[];
  /** Counts worth printing, for example how many inputs stayed valid. */
  readonly figures: Readonly<Record<string, number>>;
}

export interface Campaign {
  /** The full count of `npm run soak`. */
  readonly fullCount: number;
  run(options: CampaignOptions): Promise<CampaignResult>;
}

const folder = new URL('../e2e/campaigns/', import.meta.url);

/** The names of all campaigns. */
export function campaignNames(): string[] {
  return readdirSync(fileURLToPath(folder))
    .filter((file) => file.endsWith('.campaign.ts'))
    .map((file) => file.slice(0, -'.campaign.ts'.length));
}

/** Loads one campaign by name. */
export async function loadCampaign(name: string): Promise<Campaign> {
  const module: { campaign: Campaign } = await import(new URL(`${name}.campaign.ts`, folder).href);
  return module.campaign;
}

/** Prints what a campaign found, `NAME: key=value ...` last; true when it holds. */
export function report(name: string, seed: number, result: CampaignResult): boolean {
  for (const failure of result.failures.slice(0, 20)) console.log(`failed: ${failure}`);
  const figures = Object.entries(result.figures).map(([key, value]) => `${key}=${value}`);
  console.log(`${name}: seed=${seed} count=${result.count} failures=${result.failures.length} ${figures.join(' ')}`);
  return result.failures.length === 0;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, seconds: { type: 'string', default: '7200' } },
  });
  const name = positionals[0];
  if (name === undefined || !campaignNames().includes(name)) {
    console.error(
      `usage: npm run soak -- NAME [--seed N] [--seconds N]; NAME is one of: ${campaignNames().join(', ')}`,
    );
    process.exit(64);
  }
  const seed = values.seed === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(values.seed);
  const campaign = await loadCampaign(name);
  const result = await campaign.run({ seed, countMax: campaign.fullCount, secondsMax: Number(values.seconds) });
  process.exitCode = report(name, seed, result) ? 0 : 1;
}

if (import.meta.main) await main();
