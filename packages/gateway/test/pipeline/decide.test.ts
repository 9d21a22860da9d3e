import { strict as assert } from 'node:assert';
import {
  Client,
  HeaderList,
  IpAddress,
  ManualClock,
  PASS,
  type RequestExchange,
  reason,
  type Stage,
  type StageMode,
  type Verdict,
} from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { type Decision, decide } from '../../src/pipeline/decide.ts';
import { STAGE_ORDER, type StageName } from '../../src/pipeline/order.ts';
import { route } from '../harness/config.ts';

const address = IpAddress.parse('192.0.2.1');
assert(address !== undefined);

const EXCHANGE: RequestExchange = {
  kind: 'request',
  id: 'r',
  traceId: 't',
  listener: { name: 'l', scheme: 'http', isRedirectedToHttps: false },
  client: Client.fromPeer(address, '192.0.2.1'),
  request: {
    method: 'GET',
    host: 'a',
    authority: 'a',
    path: '/',
    hasEncodedSlash: false,
    query: '',
    httpVersion: '1.1',
    headers: new HeaderList([], []),
    framing: { kind: 'none' },
  },
  headerBytes: 10,
  route: route(),
  isWebSocket: false,
  evidence: { target: '/', fields: [] },
  inspection: undefined,
};

const DENY: Verdict = { kind: 'deny', status: 403, reason: reason('ADDRESS_DENIED') };

type Behaviour = 'pass' | 'deny' | 'throw' | 'pass later' | 'deny later' | 'throw later';

/** A stage that does what it is told and notes that it was asked. */
function stage(name: string, behaviour: Behaviour, asked: string[]): Stage {
  return {
    inspect() {
      asked.push(name);
      switch (behaviour) {
        case 'pass':
          return PASS;
        case 'deny':
          return DENY;
        case 'throw':
          throw new Error('a bug');
        case 'pass later':
          return Promise.resolve(PASS);
        case 'deny later':
          return Promise.resolve(DENY);
        case 'throw later':
          return Promise.reject(new Error('a bug'));
      }
    },
  };
}

/** A value for each stage, however many there are. */
function mapNames<Value>(valueOf: (name: StageName) => Value): Record<StageName, Value> {
  const values: Partial<Record<StageName, Value>> = {};
  for (const name of STAGE_ORDER) values[name] = valueOf(name);
  return proven(values);
}

function proven<Value>(values: Partial<Record<StageName, Value>>): Record<StageName, Value> {
  const missing = STAGE_ORDER.filter((name) => !(name in values));
  assert(missing.length === 0);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Every name was checked above.
  return values as Record<StageName, Value>;
}

async function run(
  behaviours: Partial<Record<StageName, Behaviour>>,
  observed: readonly StageName[] = [],
): Promise<{ decision: Decision; asked: string[] }> {
  const asked: string[] = [];
  const of = (name: StageName): Stage => stage(name, behaviours[name] ?? 'pass', asked);
  const mode = (name: StageName): StageMode => (observed.includes(name) ? 'observe' : 'enforce');
  const stages = mapNames(of);
  const modes = mapNames(mode);
  return { decision: await decide(EXCHANGE, { stages, modes }, new ManualClock()), asked };
}

describe('the decision', () => {
  it('asks every stage in order and passes', async () => {
    const { decision, asked } = await run({});
    expect(asked).toEqual([...STAGE_ORDER]);
    expect(decision).toEqual({
      verdict: PASS,
      decidedBy: '',
      observed: [],
      failures: [],
      stageUs: mapNames(() => 0),
    });
  });

  it.each<Behaviour>(['deny', 'deny later'])('ends at the first stage that does not pass (%s)', async (behaviour) => {
    const { decision, asked } = await run({ lists: behaviour, protocol: 'throw' });
    expect(asked).toEqual(['lists']);
    expect(decision.verdict).toEqual(DENY);
    expect(decision.decidedBy).toBe('lists');
  });

  it('goes on after a stage that passes later', async () => {
    const { decision, asked } = await run({ lists: 'pass later', routing: 'pass later', waf: 'deny later' });
    expect(asked).toEqual([...STAGE_ORDER]);
    expect(decision.decidedBy).toBe('waf');
  });

  it.each<Behaviour>(['throw', 'throw later'])(
    'denies with STAGE_FAILED when a stage fails that says so (%s)',
    async (behaviour) => {
      const { decision } = await run({ protocol: behaviour });
      expect(decision.verdict).toEqual({
        kind: 'deny',
        status: 403,
        reason: { code: 'STAGE_FAILED', detail: 'protocol' },
      });
      expect(decision.failures).toEqual([{ stage: 'protocol', cause: new Error('a bug') }]);
    },
  );

  it('records what an observed stage would have done, and goes on', async () => {
    const { decision, asked } = await run({ lists: 'deny', protocol: 'deny later' }, ['lists', 'protocol']);
    expect(asked).toEqual([...STAGE_ORDER]);
    expect(decision.verdict).toBe(PASS);
    expect(decision.observed).toEqual([
      { stage: 'lists', verdict: 'deny', reason: 'ADDRESS_DENIED' },
      { stage: 'protocol', verdict: 'deny', reason: 'ADDRESS_DENIED' },
    ]);
  });

  it('records the failure of an observed stage as what would have happened', async () => {
    const { decision } = await run({ lists: 'throw' }, ['lists']);
    expect(decision.verdict).toBe(PASS);
    expect(decision.failures).toEqual([{ stage: 'lists', cause: new Error('a bug') }]);
    expect(decision.observed).toEqual([{ stage: 'lists', verdict: 'deny', reason: 'STAGE_FAILED' }]);
  });

  it('never observes routing: without a route there is nowhere to go on to', async () => {
    const { decision } = await run({ routing: 'deny' }, ['routing']);
    expect(decision.decidedBy).toBe('routing');
  });
});
