import { ManualClock } from '@sallyport/kernel';
import { expect, it } from 'vitest';
import { StageFailures } from '../../src/plane/stage-failures.ts';

it('tells of five failures of stages in a minute, and of more in the next (R0.14)', () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const failures = new StageFailures(clock, (stage, { name, message }) => told.push(`${stage} ${name} ${message}`));
  for (let request = 0; request < 1_000; request += 1) failures.note('waf', new RangeError(`of ${request}`));
  expect(told).toEqual(Array.from({ length: 5 }, (_, request) => `waf RangeError of ${request}`));
  clock.advance(59_999);
  failures.note('waf', new Error('late'));
  clock.advance(1);
  failures.note('lists', 'no error');
  expect(told.slice(5)).toEqual(['lists Thrown no error']);
});
