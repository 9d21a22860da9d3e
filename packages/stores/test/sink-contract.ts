/**
 * What every sink of events promises, as a test suite: a driver behind the buffer that all of them share. Exported as
 * `@sallyport/stores/sink-contract`, so that drivers elsewhere pass the same one.
 *
 * @module
 */
import { setTimeout as pause } from 'node:timers/promises';
import { type EventLine, ManualClock, type SinkDriver } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BufferedSink, type BufferedSinkOptions } from '../src/sinks/buffered-sink.ts';

export interface SinkContract {
  /** A driver, and a place with nothing in it. */
  open(): Promise<SinkDriver>;
  /** All that is in the place now, in its order. */
  received(): Promise<string>;
  /** The place is gone, full or closed. */
  fail(): Promise<void>;
  /** The place is there again, with what it had. */
  mend(): Promise<void>;
  /** Gives everything up. */
  close(): Promise<void>;
}

export function lineOf(number: number, isInnocent = true): EventLine {
  return { line: `${JSON.stringify({ number, text: 'ä\u2028'.repeat(number % 5) })}\n`, isInnocent };
}

export function linesOf(from: number, until: number, isInnocent = true): readonly EventLine[] {
  return Array.from({ length: until - from }, (_, index) => lineOf(from + index, isInnocent));
}

function textOf(lines: readonly EventLine[]): string {
  return lines.map(({ line }) => line).join('');
}

/** Looks again and again until it holds: places are reached in their own time. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2_000; tries += 1) {
    if (await holds()) return;
    await pause(2);
  }
  throw new Error(`it did not come to this: ${what}`);
}

/** Declares the suite under `name`. */
export function runSinkContract(name: string, contract: SinkContract): void {
  describe(`${name}, as a sink of events`, () => {
    let driver: SinkDriver;
    const news: string[] = [];

    beforeEach(async () => {
      news.length = 0;
      driver = await contract.open();
    });

    afterEach(() => contract.close());

    function sinkOf(options: Partial<BufferedSinkOptions> = {}): BufferedSink {
      const onFailure = (): void => void news.push('failed');
      const onRecovery = (dropped: number): void => void news.push(`recovered, ${dropped} dropped`);
      return new BufferedSink({ driver, clock: new ManualClock(), restMs: 5, onFailure, onRecovery, ...options });
    }

    it('writes lines in their order, in however many pieces they come', async () => {
      const sink = sinkOf();
      const lines = linesOf(0, 5_000);
      for (let from = 0; from < lines.length; from += 7) {
        sink.offer(lines.slice(from, from + 7));
        if (from % 700 === 0) await pause(1);
      }
      await sink.close();
      expect(await contract.received()).toBe(textOf(lines));
      const writtenBytes = Buffer.byteLength(textOf(lines));
      expect(sink.counts()).toMatchObject({ written: 5_000, writtenBytes, dropped: [0, 0], waiting: 0 });
    });

    it('writes what waits when it is closed', async () => {
      const sink = sinkOf();
      sink.offer(linesOf(0, 1_000));
      await sink.close();
      expect(await contract.received()).toBe(textOf(linesOf(0, 1_000)));
    });

    it('takes lines while the place fails, and writes them in their order when it is there again', async () => {
      const sink = sinkOf();
      sink.offer(linesOf(0, 10));
      await eventually('the first lines are there', () => sink.counts().written === 10);
      await contract.fail();
      sink.offer(linesOf(10, 20));
      await eventually('it has failed', () => sink.counts().isFailing);
      sink.offer(linesOf(20, 30));
      await contract.mend();
      await eventually('the others are there', () => sink.counts().written === 30);
      await sink.close();
      expect(await contract.received()).toBe(textOf(linesOf(0, 30)));
      expect(news).toEqual(['failed', 'recovered, 0 dropped']);
    });

    it('drops by class what has no room, evidence last, and counts it', async () => {
      await contract.fail();
      const evidence = linesOf(0, 100, false);
      const sink = sinkOf({ waitingUnitsMax: textOf(evidence).length });
      sink.offer(linesOf(0, 100));
      expect(sink.counts()).toMatchObject({ dropped: [25, 0], waiting: 75 });
      sink.offer(evidence);
      await eventually('it has failed', () => sink.counts().isFailing);
      const { dropped, waiting } = sink.counts();
      expect([dropped[0], dropped[1] + waiting]).toEqual([25, 175]);
      expect(dropped[1]).toBeGreaterThan(0);
      await contract.mend();
      await eventually('it has recovered', () => sink.counts().waiting === 0);
      await sink.close();
      const kept = [...linesOf(0, 75), ...linesOf(0, waiting - 75, false)];
      expect(await contract.received()).toBe(textOf(kept));
      expect(news).toEqual(['failed', expect.stringMatching(/^recovered, \d+ dropped$/)]);
    });

    it('counts as dropped what the place does not take until it is closed', async () => {
      await contract.fail();
      const sink = sinkOf();
      sink.offer([...linesOf(0, 3), ...linesOf(3, 5, false)]);
      await sink.close();
      expect(sink.counts()).toMatchObject({ written: 0, dropped: [3, 2], waiting: 0 });
      await contract.mend();
    });

    it('says how long the oldest line has waited', async () => {
      await contract.fail();
      const clock = new ManualClock();
      const sink = sinkOf({ clock });
      sink.offer([lineOf(0)]);
      clock.advance(1_500);
      sink.offer([lineOf(1)]);
      expect(sink.counts().lagMs).toBe(1_500);
      await contract.mend();
      await sink.close();
      expect(sink.counts().lagMs).toBe(0);
    });
  });
}
