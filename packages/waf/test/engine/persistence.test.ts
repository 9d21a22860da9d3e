import { ManualClock } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { MemoryCollections } from '../../src/index.ts';
import { engineOf, play } from './rig.ts';

describe('persistent collections', () => {
  const rules = `
    SecAction "id:1,phase:1,pass,initcol:ip=%{REMOTE_ADDR},setvar:ip.count=+1"
    SecRule ARGS:block "@eq 1" "id:2,phase:1,pass,setvar:ip.blocked=1,expirevar:ip.blocked=60"`;

  test('keep what transactions leave, and add up', () => {
    const waf = engineOf(rules);
    play(waf);
    play(waf);
    expect(play(waf).valueOf('IP', 'count')).toBe('3');
  });

  test('add up when transactions overlap', () => {
    const waf = engineOf(rules);
    const open = ['a', 'b'].map((id) => waf.transaction(id));
    for (const one of open) one.processRequestHeaders([]);
    for (const one of open) one.processLogging();
    const third = waf.transaction('c');
    third.processRequestHeaders([]);
    expect(third.valueOf('IP', 'count')).toBe('3');
  });

  test('forget a variable when its time is over, and a collection that nobody changes', () => {
    const clock = new ManualClock();
    const waf = engineOf(rules, { clock });
    play(waf, { target: '/?block=1' });
    clock.advance(59_999);
    expect(play(waf).valueOf('IP', 'blocked')).toBe('1');
    clock.advance(1);
    expect(play(waf).valueOf('IP', 'blocked')).toBeUndefined();
    clock.advance(3_600_000);
    expect(play(waf).valueOf('IP', 'count')).toBe('1');
  });

  test('are not written without initcol', () => {
    const transaction = play(engineOf('SecAction "id:1,phase:1,pass,setvar:session.a=1"'));
    expect(transaction.valueOf('SESSION', 'a')).toBeUndefined();
  });

  test('never hold more than a thousand variables', () => {
    const store = new MemoryCollections();
    const name = { collection: 'IP', key: 'a' };
    const changes = Array.from({ length: 1_001 }, (_, key) => ({ kind: 'set', key: `k${key}`, text: '1' }) as const);
    store.merge(name, changes, { nowMs: 0, timeoutMs: 1 });
    expect(store.load(name, 0).size).toBe(1_000);
  });
});
