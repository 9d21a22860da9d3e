import { Buffer } from 'node:buffer';
import { ManualClock } from '@sallyport/kernel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Exclusion, exclusionsToRules } from '../../src/index.ts';
import { engineOf, idsOf, play } from '../engine/rig.ts';

const NOW_MS = Date.parse('2027-01-15T12:00:00Z');
const DAY_MS = 86_400_000;

const RULES = `
SecRule ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_HEADERS:User-Agent "@contains attack" "id:10,phase:1,pass,t:none,tag:'attack-x'"
SecRule ARGS "@contains attack" "id:20,phase:1,pass,t:none,tag:'attack-x-y'"
SecRule REQUEST_FILENAME "@contains attack" "id:30,phase:1,pass,t:none"`;

function exclusion(part: Partial<Exclusion>): Exclusion {
  return { rules: { ids: ['10-20'] }, reason: 'players quote attacks here', until: '2027-06-30', ...part };
}

/** The ids of RULES that match a request under these exclusions. */
function matched(exclusions: readonly Exclusion[], target: string, nowMs = NOW_MS, cookie = 'a=b'): readonly number[] {
  const { rules, problems } = exclusionsToRules(exclusions, NOW_MS);
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
  const waf = engineOf(`${rules.text}\n${RULES}`, { clock: new ManualClock(nowMs) });
  return idsOf(play(waf, { target, headers: [['Cookie', cookie]] })).filter((id) => id < 1_000);
}

describe('an exclusion', () => {
  test.each<[string, Partial<Exclusion>, string, readonly number[]]>([
    ['of rules', {}, '/?q=attack', []],
    ['of one rule', { rules: { ids: ['10'] } }, '/?q=attack', [20]],
    ['of a list of rules', { rules: { ids: ['10', '15-25'] } }, '/?q=attack', []],
    ['of a tag, letter by letter', { rules: { tag: 'attack-x' } }, '/?q=attack', [20]],
    ['of a target', { target: 'ARGS:q' }, '/?q=attack', []],
    ['of another target', { target: 'ARGS:r' }, '/?q=attack', [10, 20]],
    ['of a target in any case', { target: 'args:Q' }, '/?q=attack', []],
    ['of a target by pattern', { target: 'ARGS:/^q[0-9]{1,2}$/' }, '/?q12=attack', []],
    ['of a pattern that does not fit', { target: 'ARGS:/^q[0-9]{1,2}$/' }, '/?q123=attack', [10, 20]],
    ['of a whole collection', { target: 'ARGS' }, '/?attack=attack', [10]],
    ['of a target by tag', { rules: { tag: 'attack-x-y' }, target: 'ARGS:q' }, '/?q=attack', [10]],
    ['on a path', { path: '/api' }, '/api?q=attack', []],
    ['below a path', { path: '/api/' }, '/api/posts?q=attack', []],
    ['on a longer word', { path: '/api' }, '/apix?q=attack', [10, 20]],
    ['on exactly a path', { exactPath: '/api' }, '/api?q=attack', []],
    ['below an exact path', { exactPath: '/api' }, '/api/x?q=attack', [10, 20]],
    ['everywhere', { path: '/' }, '/x/y?q=attack', []],
    ['on a path with marks', { path: '/a.b/(c)"\'' }, '/a.b/(c)"\'/d?q=attack', []],
    ['on a path that is written with triplets', { exactPath: '/caf%C3%A9' }, '/caf%c3%a9?q=attack', []],
    ['on a path that only looks like it', { path: '/a.b' }, '/aXb?q=attack', [10, 20]],
  ])('%s', (_, part, target, ids) => {
    expect(matched([exclusion(part)], target)).toEqual(ids);
  });

  test.each([
    '/api/../admin',
    '/api/..%2fadmin',
    '/api/%2E%2e/admin',
    '/api/..;/admin',
    '/api/..\\admin',
    '/api/..',
    '/api/./x',
    '/api%2f../admin',
  ])('on a path does not hold for %s, which may be another one behind the gateway', (path) => {
    expect(matched([exclusion({ path: '/api' })], `${path}?q=attack`)).toEqual([10, 20]);
  });

  test('holds through its last day and not a second longer, without being compiled again', () => {
    const part = exclusion({ until: '2027-01-31' });
    expect(matched([part], '/?q=attack', Date.parse('2027-01-31T23:59:59Z'))).toEqual([]);
    expect(matched([part], '/?q=attack', Date.parse('2027-02-01T00:00:00Z'))).toEqual([10, 20]);
  });

  test('that has ended is a warning and not a rule', () => {
    const { rules, problems, activeCount } = exclusionsToRules([exclusion({ until: '2027-01-14' })], NOW_MS);
    const message = 'ended on 2027-01-14 and no longer holds; give it a new end, or take it out';
    expect(problems).toEqual([{ severity: 'warning', index: 0, key: 'until', message }]);
    expect([rules.text, activeCount]).toEqual(['', 0]);
  });

  test.each([
    [13, 'ends on 2027-01-28'],
    [14, undefined],
  ])('that ends in %d days is said to: %s', (days, message) => {
    const until = new Date(NOW_MS + days * DAY_MS).toISOString().slice(0, 10);
    const { problems, activeCount } = exclusionsToRules([exclusion({ until })], NOW_MS);
    expect([problems[0]?.message, activeCount]).toEqual([message, 1]);
  });

  test.each<[Partial<Exclusion>, string, string]>([
    [{ until: '2027-02-30' }, 'until', '2027-02-30 is no day, such as 2027-03-31'],
    [{ until: 'never' }, 'until', 'never is no day, such as 2027-03-31'],
    [{ reason: 'because' }, 'reason', 'has to be one line of at least 8 characters'],
    [{ reason: 'two\nlines of reason' }, 'reason', 'has to be one line of at least 8 characters'],
    [{ path: 'api' }, 'path', 'api does not begin with / or holds what no path holds'],
    [{ path: '/a', exactPath: '/a' }, 'exactPath', 'cannot stand beside path'],
    [{ target: 'ARG:x' }, 'target', 'unknown variable ARG'],
    [{ target: 'REQUEST_BODY:x' }, 'target', 'REQUEST_BODY has no keys'],
    [{ target: 'ARGS:/(/' }, 'target', 'UNBALANCED at 0: this parenthesis is never closed'],
    [{ rules: { ids: [] } }, 'rules', 'no rules are named'],
    [{ rules: { ids: ['x'] } }, 'rules', 'x is neither a rule id nor a range of them'],
    [{ rules: { ids: ['20-10'] } }, 'rules', '20-10 is a range that ends before it begins'],
    [{ rules: { tag: '' } }, 'rules', 'a tag has at least one character'],
  ])('that is wrong is refused by name: %j', (part, key, message) => {
    const { rules, problems } = exclusionsToRules([exclusion({}), exclusion(part)], NOW_MS);
    expect(problems).toEqual([{ severity: 'error', index: 1, key, message }]);
    expect(rules.text).not.toContain('7090001');
  });

  test('beyond the thousandth is refused', () => {
    const { problems, activeCount } = exclusionsToRules(
      Array.from({ length: 1_001 }, () => exclusion({})),
      NOW_MS,
    );
    expect([problems.at(-1)?.message, activeCount]).toEqual(['there are more than 1000 exclusions', 1_000]);
  });

  test('of a name is about nothing but that name, whatever its characters are', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
      .filter((text) => !/^\/.*\/$|^'.*'$/s.test(text));
    fc.assert(
      fc.property(name, (text) => {
        const encoded = [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
        const exclusions = [exclusion({ target: `ARGS:${text}` })];
        expect(matched(exclusions, `/?${encoded}=attack`)).toEqual([]);
        expect(matched(exclusions, `/?${encoded}z=attack`)).toEqual([10, 20]);
      }),
      { numRuns: 200 },
    );
  });

  test('cannot be written so that it says more than it says', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const nasty = fc.constantFrom('"', "'", '\\', '\n', ',ctl:ruleEngine=Off', 'SecRuleEngine Off', '%{', '/', '#');
    const words = fc.array(fc.oneof(text, nasty), { maxLength: 6 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.record({ tag: words, target: words, path: words, reason: words }),
        ({ tag, target, path, reason }) => {
          const one = exclusion({ rules: { tag }, target: `ARGS:${target}`, path: `/${path}`, reason });
          const { rules } = exclusionsToRules([one], NOW_MS);
          const waf = engineOf(`${rules.text}\n${RULES}`, { clock: new ManualClock(NOW_MS) });
          expect(idsOf(play(waf, { target: '/attack?q=attack' })).filter((id) => id < 1_000)).toEqual([10, 20, 30]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
