import { DecisionTable } from '@sallyport/guards';
import { ManualClock } from '@sallyport/kernel';
import { MemoryCollections } from '@sallyport/waf';
import { describe, expect, it } from 'vitest';
import { LivePolicies, type Pinning } from '../../src/pipeline/live-policies.ts';
import { compilePolicy, instantiatePolicy, type Policy } from '../../src/pipeline/policy.ts';
import { atOnce } from '../../src/slices.ts';
import type { Upstreams } from '../../src/upstream/upstreams.ts';
import { config, upstream } from '../harness/config.ts';

/** Upstreams that write down when they were let go of. */
function upstreamsOf(version: number, closed: number[]): Upstreams {
  return {
    get: () => undefined,
    ready: () => Promise.resolve(),
    close: () => void closed.push(version),
    sweep: () => undefined,
    // oxlint-disable-next-line require-yield -- Nothing has to be made.
    *renewal() {
      return upstreamsOf(version, closed);
    },
  };
}

function policy(version: number, closed: number[]): Policy {
  const image = compilePolicy(config({ upstreams: [upstream(1)] }), version);
  const clock = new ManualClock();
  const tools = { clock, decisions: new DecisionTable(clock), collections: new MemoryCollections() };
  return atOnce(instantiatePolicy(image, upstreamsOf(version, closed), tools));
}

function livePolicies(): { live: LivePolicies; closed: number[]; replace: (version: number) => void } {
  const closed: number[] = [];
  const live = new LivePolicies(policy(1, closed));
  const replace = (version: number): void => {
    const before = live.current;
    live.current = policy(version, closed);
    live.retire(before);
  };
  return { live, closed, replace };
}

/** An exchange that has begun. */
function pinned(live: LivePolicies): Pinning {
  const exchange: Pinning = { policy: undefined };
  live.pin(exchange);
  return exchange;
}

describe('the policies that a data plane holds', () => {
  it('lets go of one at once that nobody holds on to', () => {
    const { live, closed, replace } = livePolicies();
    replace(2);
    expect([live.versions, closed]).toEqual([[2], [1]]);
  });

  it('keeps one for exchanges that began with it, until the last of them ends', () => {
    const { live, closed, replace } = livePolicies();
    const [first, second] = [pinned(live), pinned(live)];
    replace(2);
    expect([live.versions, live.current.version, closed]).toEqual([[1, 2], 2, []]);
    live.unpin(first);
    expect(closed).toEqual([]);
    live.unpin(second);
    expect([live.versions, closed]).toEqual([[2], [1]]);
  });

  it('lets go of none in force when its exchanges end', () => {
    const { live, closed } = livePolicies();
    live.unpin(pinned(live));
    expect([live.versions, closed]).toEqual([[1], []]);
  });

  it('keeps two that are retired, and takes the upstreams of the oldest when there is a third', () => {
    const { live, closed, replace } = livePolicies();
    const kept = [1, 2, 3].map((version) => {
      const held = pinned(live);
      replace(version + 1);
      return held;
    });
    expect([live.versions, closed]).toEqual([[2, 3, 4], [1]]);
    for (const held of kept) live.unpin(held);
    expect(live.versions).toEqual([4]);
    expect(new Set(closed)).toEqual(new Set([1, 2, 3]));
  });

  it('lets go of those in between as their exchanges end', () => {
    const { live, closed, replace } = livePolicies();
    const first = pinned(live);
    replace(2);
    const second = pinned(live);
    replace(3);
    live.unpin(second);
    expect([live.versions, closed]).toEqual([[1, 3], [2]]);
    live.unpin(first);
    expect([live.versions, closed]).toEqual([[3], [2, 1]]);
  });

  it('has nothing to take back from an exchange that never had one', () => {
    const { live, closed, replace } = livePolicies();
    live.unpin({ policy: undefined });
    replace(2);
    expect(closed).toEqual([1]);
  });

  it('lets go of all at the end', () => {
    const { live, closed, replace } = livePolicies();
    pinned(live);
    replace(2);
    live.close();
    expect(closed).toEqual([1, 2]);
  });

  it('does not take one back more often than it was given', () => {
    const { live } = livePolicies();
    const held = pinned(live);
    live.unpin(held);
    expect(() => live.unpin(held)).toThrow('given back too often');
  });
});
