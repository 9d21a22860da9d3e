import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { GatewayProcess } from '../harness/gateway.ts';
import { httpRequest } from '../harness/http-client.ts';
import { temporaryFolder } from '../harness/program.ts';
import { type Scope, SuiteScope } from '../harness/scope.ts';
import { startUpstream } from '../harness/upstream.ts';
import { Life, Loss } from './events/life.ts';
import { sinkEvents, storedEvents } from './events/stored.ts';
import { Random } from './regex/random-pattern.ts';
import { checkState, order } from './state/administrators.ts';
import { Ledger } from './state/ledger.ts';

/**
 * A gateway under load that is killed (SIGKILL) at random moments, again and again.
 *
 * After each start the events of the life before are there: every one that ended a quarter of a second before the kill, none
 * twice, none missing before one that is there, and SQLite finds nothing wrong in their files. The same holds for a sink, in
 * whose file every line is whole but the last of a life. Every decision that was acknowledged is there, and the chain of the
 * audit log is whole. One count is one kill.
 */
export const campaign: Campaign = { fullCount: 100, run };

/** Clients that ask one request after the other, and administrators that order. */
const CLIENTS = 8;
const ADMINISTRATORS = 2;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const scope = new SuiteScope();
  const random = new Random(seed);
  const ledger = new Ledger();
  const directory = temporaryFolder(scope);
  const { url } = await startUpstream(scope);
  const loss = new Loss();
  const { failures } = ledger;
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  let kills = 0;
  let auditEntries = 0;
  while (process.hrtime.bigint() < end && kills < countMax && failures.length < 20) {
    const life = new Life(kills);
    const gateway = await start(scope, { directory, upstream: url });
    // What is acknowledged is asked of the next one.
    auditEntries = await checkState(ledger, { directory, kills });
    const isOver = (): boolean => life.killedMs !== undefined;
    const loads = [
      ...Array.from({ length: CLIENTS }, (_, index) => ask(gateway, { life, index })),
      ...Array.from({ length: ADMINISTRATORS }, (_, index) =>
        order(ledger, { directory, random, isOver, name: `${kills}-${index}` }),
      ),
    ];
    await pause(500 + random.below(1_500));
    life.kill(() => gateway.program.signal('SIGKILL'));
    await gateway.program.exited();
    await Promise.all(loads);
    kills += 1;
    failures.push(...integrityFailures(directory));
    failures.push(...loss.measure(life, { store: storedEvents(directory, life), sink: sinkEvents(directory, life) }));
  }
  const last = await start(scope, { directory, upstream: url });
  auditEntries = await checkState(ledger, { directory, kills });
  await last.stop();
  await scope.end();
  const figures = { kills, acknowledged: ledger.acknowledged, auditEntries, ...loss.figures() };
  return { count: kills, failures, figures };
}

function start(
  scope: Scope,
  { directory, upstream }: { readonly directory: string; readonly upstream: string },
): Promise<GatewayProcess> {
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: "${upstream}" }
routes: [{ name: all, upstream: app, profile: webapp }]
workers: { count: 2 }
reload: { watch: false }
state: { folder: state }
events: { sinks: [{ name: file, kind: file, path: sink.ndjson, rotate: { size: 1MB }, keep: { files: 10000 } }] }
admin: { socket: admin.sock }
`;
  return GatewayProcess.start(scope, { yaml, directory });
}

/** One client, who does not wait. What is not answered any more is nothing that anybody knows of. */
async function ask(gateway: GatewayProcess, { life, index }: { life: Life; index: number }): Promise<void> {
  for (let number = 0; life.killedMs === undefined; number += 1) {
    const path = life.path(index, number);
    try {
      await httpRequest(gateway.url(path));
      life.answered(path);
    } catch {
      return;
    }
  }
}

function integrityFailures(directory: string): readonly string[] {
  const folder = join(directory, 'state/events');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .flatMap((name) => {
      const database = new DatabaseSync(join(folder, name));
      const found = database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
      database.close();
      return found === 'ok' ? [] : [`SQLite finds in ${name}: ${String(found)}`];
    });
}
