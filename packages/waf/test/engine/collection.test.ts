import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Collection, noMarks, Value } from '../../src/engine/collection.ts';

const lent = (...keys: readonly string[]): ReadonlyMap<string, readonly Value[]> =>
  new Map(keys.map((key) => [key.toLowerCase(), [new Value(key, `lent ${key}`)]]));

const named = (collection: Collection): readonly string[] => collection.all.map(({ key, text }) => `${key}=${text}`);

describe('what a selection finds by name', () => {
  const keys = ['header_a', 'header_b', 'Header_B', 'other', '0'];
  const beginsAsHeader = (selection: { prefix: string }, { key }: Value): boolean => key.startsWith(selection.prefix);
  const step = fc.record({
    what: fc.constantFrom('set', 'unset', 'add', 'borrow', 'list'),
    key: fc.constantFrom(...keys),
  });

  test('is what a look at all values finds, in their order', () => {
    const base = lent('header_a', 'other', 'Header_C');
    const more = lent('header_b', 'another');
    const selections = [{ prefix: 'header_' }, { prefix: 'Header_' }, { prefix: '' }];
    const sequence = fc.array(step, { maxLength: 12 });
    fc.assert(
      fc.property(fc.boolean(), sequence, (isLent, steps) => {
        const collection = new Collection();
        if (isLent) collection.borrow(base);
        for (const [number, { what, key }] of steps.entries()) {
          if (what === 'set') collection.set(key, String(number));
          else if (what === 'unset') collection.unset(key.toLowerCase());
          else if (what === 'add') collection.add(key, String(number));
          else if (what === 'borrow') collection.borrow(more);
          else named(collection);
          for (const selection of selections) {
            const found = collection.selectedBy(selection, beginsAsHeader);
            const looked = collection.all.filter((value) => beginsAsHeader(selection, value));
            expect(found).toEqual(looked);
          }
        }
      }),
    );
  });
});

describe('captured groups', () => {
  test('take the place of those that were captured before, however many these were', () => {
    const collection = new Collection();
    collection.borrow(lent('score'));
    collection.putGroups(['abc', 'a', 'b']);
    collection.putGroups(['xyz']);
    expect(named(collection)).toEqual(['score=lent score', '0=xyz']);
  });

  test('take the place of what a rule wrote under their names', () => {
    const collection = new Collection();
    collection.set('7', 'a rule');
    collection.putGroups(['xyz']);
    expect(named(collection)).toEqual(['0=xyz']);
  });

  test('take the place of what is lent under their names', () => {
    const collection = new Collection();
    collection.putGroups(['abc']);
    collection.borrow(lent('3', 'score'));
    collection.putGroups(['xyz']);
    expect(named(collection)).toEqual(['0=xyz', 'score=lent score']);
  });

  test('leave a group out that took no part', () => {
    const collection = new Collection();
    collection.putGroups(['abc', 'a', 'b']);
    const captures: string[] = [];
    captures[0] = 'xyz';
    captures[2] = 'z';
    collection.putGroups(captures);
    expect(named(collection)).toEqual(['0=xyz', '2=z']);
  });
});

describe('the marks of a value', () => {
  test('are those of the rules that were noted, and of no other', () => {
    const value = new Value('id', '1');
    const none = noMarks(100);
    for (const rule of [64, 3, 64, 99]) value.mark(rule, none);
    expect(Array.from({ length: 100 }, (_, rule) => rule).filter((rule) => value.isMarked(rule))).toEqual([3, 64, 99]);
    expect(none.every((word) => word === 0)).toBe(true);
  });
});
