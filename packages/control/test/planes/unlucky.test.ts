import { ManualClock } from '@sallyport/kernel';
import { expect, test } from 'vitest';
import { PolicyHistory, type PolicyVersion, Supervisor } from '../../src/index.ts';
import { FakePlane } from './fake-plane.ts';

test('a worker that is not to be trusted goes on while no other serves: its drain would leave nobody for that long', async () => {
  const supervisor = new Supervisor<PolicyVersion>(
    { version: 1 },
    {
      count: 2,
      clock: new ManualClock(),
      spawn: (slot, image) => {
        const plane = new FakePlane(slot, image);
        plane.startedBy.resolve();
        return plane;
      },
      decisions: () => ({ sequence: 0, decisions: [] }),
      onState: () => undefined,
      onLost: () => undefined,
    },
  );
  await supervisor.start();
  await new Promise((resolve) => setImmediate(resolve));
  expect([supervisor.retire(0), supervisor.retire(1)]).toEqual([true, false]);
  expect(supervisor.ready().map(({ slot }) => slot)).toEqual([1]);
});

test('what can be brought back outlasts any number of reloads that change nothing', () => {
  const history = new PolicyHistory<string>();
  const attempt = { source: 'signal', author: '', timeMs: 0, hash: 'h', problems: [] } as const;
  history.add({ ...attempt, version: 1, result: 'published', content: 'first' });
  history.add({ ...attempt, version: 2, result: 'published', content: 'second' });
  for (let count = 0; count < 500; count += 1)
    history.add({ ...attempt, version: undefined, result: 'unchanged', content: undefined });
  expect([history.current?.version, history.contentOf(1)]).toEqual([2, 'first']);
  expect(history.attempts).toHaveLength(100);
});
