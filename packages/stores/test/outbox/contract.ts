/**
 * What every outbox promises, as a test suite; part of `@sallyport/stores/contract`.
 */
import { type Notification, OUTBOX_DEAD_MAX, OUTBOX_MESSAGES_MAX, type Outbox } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export interface OutboxContract {
  /** An outbox with nothing in it. */
  open(): Outbox | Promise<Outbox>;
  /** The same outbox as the next process finds it; undefined for one that ends with its process. */
  readonly reopen: ((outbox: Outbox) => Promise<Outbox>) | undefined;
  /** Gives everything up. */
  close(): Promise<void>;
}

const START_MS = 1_700_000_000_000;

export function notificationOf(id: string, channel = 'ops', status: 'firing' | 'resolved' = 'firing'): Notification {
  const item = {
    kind: 'service-down',
    subject: 'game',
    status,
    severity: 'critical',
    summary: 'game does not answer',
    facts: { server: '10.0.0.1:3000' },
    timeMs: START_MS,
    sinceMs: START_MS,
    isFlapping: false,
  } as const;
  return { id, channel, node: 'gate-1', occasion: 'change', items: [item], omitted: 0, missed: 0, timeMs: START_MS };
}

/** Registers the suite. */
export function runOutboxContract(name: string, contract: OutboxContract): void {
  let outbox: Outbox;
  beforeEach(async () => {
    outbox = await contract.open();
  });
  afterEach(() => contract.close());

  const put = (...notifications: readonly Notification[]): Promise<{ readonly dropped: number }> =>
    outbox.enqueue({ notifications, memory: undefined, nowMs: START_MS });
  const claim = async (afterMs = 0): Promise<readonly string[]> =>
    (await outbox.claim({ nowMs: START_MS + afterMs, leaseMs: 60_000 })).map(({ notification }) => notification.id);

  describe(`the outbox ${name}`, () => {
    it('hands out the oldest message of each channel, whole', async () => {
      await put(notificationOf('a1', 'a'), notificationOf('b1', 'b'), notificationOf('a2', 'a'));
      const entries = await outbox.claim({ nowMs: START_MS, leaseMs: 60_000 });
      expect(entries).toEqual([
        { notification: notificationOf('a1', 'a'), failures: 0, enqueuedMs: START_MS },
        { notification: notificationOf('b1', 'b'), failures: 0, enqueuedMs: START_MS },
      ]);
    });

    it('does not hand out the next message before the one in front is done', async () => {
      await put(notificationOf('a1'), notificationOf('a2'));
      expect(await claim()).toEqual(['a1']);
      expect(await claim(59_999)).toEqual([]);
      await outbox.done('a1');
      expect(await claim(1)).toEqual(['a2']);
    });

    it('hands out again what nobody has said anything of when its lease ends', async () => {
      await put(notificationOf('a1'));
      expect(await claim()).toEqual(['a1']);
      expect(await claim(60_000)).toEqual(['a1']);
    });

    it('hands out what has failed when its time has come, and counts', async () => {
      await put(notificationOf('a1'));
      await claim();
      await outbox.failed('a1', { failure: 'receiver', retryMs: START_MS + 5_000 });
      expect(await claim(4_999)).toEqual([]);
      const entries = await outbox.claim({ nowMs: START_MS + 5_000, leaseMs: 60_000 });
      expect(entries.map(({ failures }) => failures)).toEqual([1]);
    });

    it('hands out what a clock that was set back since has put far away', async () => {
      await put(notificationOf('a1'));
      await claim();
      await outbox.failed('a1', { failure: 'receiver', retryMs: START_MS + 5_000 });
      expect(await claim(-86_400_000)).toEqual(['a1']);
    });

    it('remembers what was given up, the newest first, and goes on with the next', async () => {
      await put(notificationOf('a1'), notificationOf('a2'), notificationOf('a3'));
      await outbox.failed('a1', { failure: 'refused', retryMs: undefined });
      await outbox.failed('a2', { failure: 'expired', retryMs: undefined });
      expect(await claim()).toEqual(['a3']);
      const { dead } = await outbox.status();
      expect(dead).toEqual([
        { id: 'a2', channel: 'ops', failure: 'expired', enqueuedMs: START_MS },
        { id: 'a1', channel: 'ops', failure: 'refused', enqueuedMs: START_MS },
      ]);
    });

    it('says how many wait, since when, and why', async () => {
      expect(await outbox.status()).toEqual({ channels: [], dead: [] });
      await put(notificationOf('a1', 'a'), notificationOf('a2', 'a'), notificationOf('b1', 'b'));
      await outbox.failed('a1', { failure: 'timeout', retryMs: START_MS + 5_000 });
      expect((await outbox.status()).channels).toEqual([
        { channel: 'a', waiting: 2, oldestMs: START_MS, failure: 'timeout' },
        { channel: 'b', waiting: 1, oldestMs: START_MS, failure: undefined },
      ]);
    });

    it('takes a message once', async () => {
      await put(notificationOf('a1'));
      await put(notificationOf('a1'));
      await outbox.done('a1');
      expect(await claim()).toEqual([]);
    });

    it('replaces what is remembered, and keeps it when nothing is said of it', async () => {
      expect(await outbox.recall()).toBeUndefined();
      await outbox.enqueue({ notifications: [], memory: 'one', nowMs: START_MS });
      await outbox.enqueue({ notifications: [], memory: 'two', nowMs: START_MS });
      await put(notificationOf('a1'));
      expect(await outbox.recall()).toBe('two');
    });

    it('changes nothing for a message that it does not have', async () => {
      await outbox.done('x');
      await outbox.failed('x', { failure: 'timeout', retryMs: undefined });
      expect(await outbox.status()).toEqual({ channels: [], dead: [] });
    });

    it('drops ends before beginnings, and the oldest first, and says how many', async () => {
      const ends = Array.from({ length: 10 }, (_, index) => notificationOf(`end${index}`, 'ops', 'resolved'));
      const others = Array.from({ length: OUTBOX_MESSAGES_MAX - 10 }, (_, index) => notificationOf(`one${index}`));
      expect(await put(...ends, ...others)).toEqual({ dropped: 0 });
      const more = Array.from({ length: 12 }, (_, index) => notificationOf(`more${index}`));
      expect(await put(...more)).toEqual({ dropped: 12 });
      expect((await outbox.status()).channels[0]?.waiting).toBe(OUTBOX_MESSAGES_MAX);
      expect(await claim()).toEqual(['one2']);
    });

    it('remembers a hundred dead letters', async () => {
      const ids = Array.from({ length: OUTBOX_DEAD_MAX + 5 }, (_, index) => `a${index}`);
      await put(...ids.map((id) => notificationOf(id)));
      for (const id of ids) await outbox.failed(id, { failure: 'refused', retryMs: undefined });
      const { dead } = await outbox.status();
      expect(dead).toHaveLength(OUTBOX_DEAD_MAX);
      expect(dead[0]?.id).toBe('a104');
    });

    const { reopen } = contract;
    if (reopen === undefined) return;

    it('has everything for the next process', async () => {
      await outbox.enqueue({
        notifications: [notificationOf('a1'), notificationOf('a2')],
        memory: 'm',
        nowMs: START_MS,
      });
      await claim();
      await outbox.failed('a1', { failure: 'refused', retryMs: undefined });
      await claim();
      outbox = (await contract.reopen?.(outbox)) ?? outbox;
      expect(await outbox.recall()).toBe('m');
      expect((await outbox.status()).dead).toHaveLength(1);
      // The process before us may have sent it: only when its lease has ended it is sent again.
      expect(await claim(59_999)).toEqual([]);
      expect(await claim(60_000)).toEqual(['a2']);
    });
  });
}
