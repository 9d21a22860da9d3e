/** Our engine without a gateway around it, in a process of its own: what the rules alone cost. */
import { answerLines, sayLine } from '../harness/line-process.ts';
import { judge } from './judge.ts';
import { crsWaf } from './rules.ts';
import { TRAFFIC, type TrafficKind } from './traffic.ts';

export interface EngineJob {
  readonly kind: TrafficKind;
  readonly requests: number;
}

export interface EngineDone {
  readonly cpuUs: number;
}

/** Said first, when every kind of request has been judged once. */
export interface EngineReady {
  readonly kind: 'ready';
}

const [dataFolder = ''] = process.argv.slice(2);
const waf = crsWaf(dataFolder, 1);
const requests = new Map(
  TRAFFIC.map((traffic) => [
    traffic.kind,
    { status: traffic.status, all: Array.from({ length: traffic.variants }, (_, index) => traffic.request(index)) },
  ]),
);

function play({ kind, requests: count }: EngineJob): EngineDone {
  const { status, all } = requests.get(kind) ?? { status: 200, all: [] };
  const before = process.cpuUsage();
  for (let index = 0; index < count; index += 1) {
    const request = all[index % all.length];
    const answer = request === undefined ? undefined : (judge(waf, request).interruption?.status ?? 200);
    if (answer !== status) throw new Error(`${kind}: ${answer} where ${status} is right`);
  }
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: user + system };
}

for (const { kind } of TRAFFIC) play({ kind, requests: 1 });
const ready: EngineReady = { kind: 'ready' };
sayLine(ready);
await answerLines((line) => {
  const job: EngineJob = JSON.parse(line);
  return play(job);
});
