import { setTimeout as pause } from 'node:timers/promises';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { GatewayProcess } from '../harness/gateway.ts';
import { temporaryFolder } from '../harness/program.ts';
import { type Scope, SuiteScope } from '../harness/scope.ts';
import { Random } from './regex/random-pattern.ts';
import { checkState, order } from './state/administrators.ts';
import { Ledger } from './state/ledger.ts';

/**
 * A gateway that takes and revokes decisions as fast as it can, and is killed (SIGKILL) at random moments, again and again.
 *
 * After each start every acknowledged decision is there, with its end and in its order; every acknowledged revocation has held; the
 * chain of the audit log is whole and has an entry for each; and SQLite finds nothing wrong. One count is one acknowledged change.
 */
export const campaign: Campaign = { fullCount: 200_000, run };

/** Administrators that order at the same time. */
const CLIENTS = 8;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const scope = new SuiteScope();
  const random = new Random(seed);
  const ledger = new Ledger();
  const directory = temporaryFolder(scope);
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  let kills = 0;
  let checked = 0;
  while (process.hrtime.bigint() < end && ledger.acknowledged < countMax && ledger.failures.length < 20) {
    const gateway = await start(scope, directory);
    checked = await checkState(ledger, { directory, kills });
    let isKilled = false;
    const isOver = (): boolean => isKilled;
    const loads = Array.from({ length: CLIENTS }, (_, index) =>
      order(ledger, { directory, random, isOver, name: `${kills}-${index}` }),
    );
    await pause(20 + random.below(700));
    isKilled = true;
    gateway.program.signal('SIGKILL');
    await gateway.program.exited();
    await Promise.all(loads);
    kills += 1;
  }
  const last = await start(scope, directory);
  checked = await checkState(ledger, { directory, kills });
  await last.stop();
  await scope.end();
  const figures = { kills, acknowledged: ledger.acknowledged, auditEntries: checked };
  return { count: ledger.acknowledged, failures: ledger.failures, figures };
}

function start(scope: Scope, directory: string): Promise<GatewayProcess> {
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
workers: { count: 1 }
reload: { watch: false }
state: { folder: state }
admin: { socket: admin.sock }
`;
  return GatewayProcess.start(scope, { yaml, directory });
}
