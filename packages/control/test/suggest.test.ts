import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nearest } from '../src/config/suggest.ts';

it.each([
  ['listners', ['listeners', 'lists'], 'listeners'],
  ['LISTENERS', ['listeners', 'lists'], 'listeners'],
  ['gmae', ['game', 'alerts'], 'game'],
  ['prod', ['development', 'staging', 'production'], 'production'],
  ['TLSv1.1', ['TLSv1.2', 'TLSv1.3'], 'TLSv1.2'],
  ['x', ['listeners'], undefined],
  ['routes', [], undefined],
  ['bananas', ['listeners', 'routes'], undefined],
  ['a'.repeat(10_000), ['a'.repeat(10_000)], undefined],
])('finds for %j of %j %j', (name, candidates, found) => {
  expect(nearest(name, candidates)).toBe(found);
});

it('finds a name that lost one letter', () => {
  const word = fc.stringMatching(/^[a-z]{4,20}$/);
  fc.assert(
    fc.property(word, fc.nat(), (name, seed) => {
      const at = seed % name.length;
      return nearest(name.slice(0, at) + name.slice(at + 1), [name]) === name;
    }),
  );
});
