import { describe, expect, it } from 'vitest';
import { type PolicyAttempt, PolicyHistory } from '../../src/planes/policy-history.ts';

function published(version: number): PolicyAttempt<string> {
  return attempt({ version, result: 'published', content: `content ${version}` });
}

function attempt(change: Partial<PolicyAttempt<string>>): PolicyAttempt<string> {
  return {
    version: undefined,
    hash: '',
    source: 'api',
    author: 'test',
    timeMs: 0,
    result: 'refused',
    problems: [],
    content: undefined,
    ...change,
  };
}

function historyOf(...attempts: readonly PolicyAttempt<string>[]): PolicyHistory<string> {
  const history = new PolicyHistory<string>();
  for (const item of attempts) history.add(item);
  return history;
}

describe('the history of policies', () => {
  it('is empty at first', () => {
    const history = historyOf();
    expect([history.attempts, history.current, history.contentOf(1)]).toEqual([[], undefined, undefined]);
  });

  it.each(['refused', 'failed', 'unchanged'] as const)('keeps the one in force when another is %s', (result) => {
    const history = historyOf(published(1), published(2), attempt({ result }));
    expect(history.current).toEqual(published(2));
    expect(history.attempts.map((item) => item.result)).toEqual(['published', 'published', result]);
  });

  it('keeps what the last five were made of', () => {
    const history = historyOf(...[1, 2, 3, 4, 5, 6].map(published));
    expect(history.contentOf(1)).toBeUndefined();
    expect([2, 3, 4, 5, 6].map((version) => history.contentOf(version))).toEqual(
      [2, 3, 4, 5, 6].map((version) => `content ${version}`),
    );
    expect(history.attempts.map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('remembers a hundred attempts', () => {
    const history = historyOf(...Array.from({ length: 101 }, (_, index) => published(index + 1)));
    expect(history.attempts).toHaveLength(100);
    expect(history.attempts[0]?.version).toBe(2);
  });

  it('still knows which one is in force, and its content, after any number of refused attempts', () => {
    const refused = Array.from({ length: 250 }, () => attempt({ result: 'refused' }));
    const history = historyOf(published(1), published(2), ...refused);
    expect(history.attempts).toHaveLength(100);
    expect(history.current).toEqual(published(2));
    expect(history.contentOf(2)).toBe('content 2');
  });
});
