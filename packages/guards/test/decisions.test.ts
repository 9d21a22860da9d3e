import { type Decision, type DecisionScope, IpAddress, ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { decisions } from '../src/decisions/stage.ts';
import { DecisionTable } from '../src/decisions/table.ts';
import { exchangeOf } from './exchange.ts';

const NOW_MS = 1_700_000_000_000;

function decision(id: string, value: string, change: Partial<Decision> = {}): Decision {
  const kind: DecisionScope['kind'] = value.includes('/') ? 'network' : 'address';
  return {
    id,
    kind: 'ban',
    scope: { kind, value },
    reason: 'a test',
    author: 'test',
    createdMs: NOW_MS,
    endsMs: undefined,
    ...change,
  };
}

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function tableOf(...list: readonly Decision[]): { table: DecisionTable; clock: ManualClock } {
  const clock = new ManualClock(NOW_MS);
  const table = new DecisionTable(clock);
  table.replace({ sequence: 1, decisions: list });
  return { table, clock };
}

describe('the decisions in force', () => {
  it.each([
    ['an address', '192.0.2.1', '192.0.2.1', true],
    ['another address', '192.0.2.1', '192.0.2.2', false],
    ['a network', '192.0.2.0/24', '192.0.2.200', true],
    ['an odd prefix length', '192.0.2.128/25', '192.0.2.127', false],
    ['an odd prefix length, inside', '192.0.2.128/25', '192.0.2.129', true],
    ['everything', '0.0.0.0/0', '203.0.113.9', true],
    ['everything of the other family', '0.0.0.0/0', '2001:db8::1', false],
    ['an IPv6 network', '2001:db8::/32', '2001:db8:1::1', true],
    ['an IPv6 network of an odd length', '2001:db8::/33', '2001:db8:8000::1', false],
    ['a mapped address', '192.0.2.1', '::ffff:192.0.2.1', true],
  ])('hold for %s', (_, scope, client, isBanned) => {
    const { table } = tableOf(decision('d', scope));
    expect(table.banOf(address(client))?.id).toBe(isBanned ? 'd' : undefined);
  });

  it('let the longest network decide, and an allowance before a ban of the same network', () => {
    const { table } = tableOf(
      decision('wide', '192.0.2.0/24'),
      decision('exception', '192.0.2.7', { kind: 'allowance' }),
      decision('again', '192.0.2.8'),
      decision('pardon', '192.0.2.8', { kind: 'allowance' }),
      decision('pardon all', '198.51.100.0/24', { kind: 'allowance' }),
      decision('but one', '198.51.100.1'),
    );
    expect(table.banOf(address('192.0.2.6'))?.id).toBe('wide');
    expect(table.banOf(address('192.0.2.7'))).toBeUndefined();
    expect(table.banOf(address('192.0.2.8'))).toBeUndefined();
    expect(table.banOf(address('198.51.100.1'))?.id).toBe('but one');
  });

  it('end with their time, and are forgotten after it', () => {
    const { table, clock } = tableOf(decision('short', '192.0.2.1', { endsMs: NOW_MS + 1_000 }));
    clock.advance(999);
    expect(table.banOf(address('192.0.2.1'))?.id).toBe('short');
    clock.advance(1);
    expect(table.banOf(address('192.0.2.1'))).toBeUndefined();
    expect(table.size).toBe(1);
    table.sweep();
    expect(table.size).toBe(0);
  });

  it('change in exact order: once each, and never past a gap', () => {
    const { table } = tableOf();
    const take = { kind: 'take', sequence: 2, decision: decision('d', '192.0.2.1') } as const;
    expect(table.apply(take)).toBe(true);
    expect(table.apply(take)).toBe(true);
    expect(table.size).toBe(1);
    expect(table.apply({ kind: 'revoke', sequence: 4, id: 'd' })).toBe(false);
    expect(table.banOf(address('192.0.2.1'))?.id).toBe('d');
    expect(table.apply({ kind: 'revoke', sequence: 3, id: 'd' })).toBe(true);
    expect(table.banOf(address('192.0.2.1'))).toBeUndefined();
    expect(table.sequence).toBe(3);
  });

  it('keep one decision of a network when another one of it is revoked', () => {
    const { table } = tableOf(decision('a', '192.0.2.1'), decision('b', '192.0.2.1'));
    table.apply({ kind: 'revoke', sequence: 2, id: 'a' });
    expect(table.banOf(address('192.0.2.1'))?.id).toBe('b');
  });
});

describe('the stage of decisions', () => {
  it('denies who is banned, and names the decision', () => {
    const exchange = exchangeOf({ address: '192.0.2.1' });
    const { table } = tableOf(decision('d7', '192.0.2.0/24'));
    expect(decisions.instantiate(table).inspect(exchange)).toEqual({
      kind: 'deny',
      status: 403,
      reason: { code: 'CLIENT_BANNED', detail: 'd7' },
    });
  });

  it('sees at once what is decided later', () => {
    const exchange = exchangeOf({ address: '192.0.2.1' });
    const { table } = tableOf();
    const stage = decisions.instantiate(table);
    expect(stage.inspect(exchange)).toEqual({ kind: 'pass' });
    table.apply({ kind: 'take', sequence: 2, decision: decision('d', '192.0.2.1') });
    expect(stage.inspect(exchange)).toMatchObject({ kind: 'deny' });
  });
});
