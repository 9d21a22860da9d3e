/** A real thread for the tests of shared memory: it does one task from its `workerData`, then says how it went. */
import { parentPort, workerData } from 'node:worker_threads';
import { ByteRing, FlightRecorder, SharedGaugeTable, SharedRateTable, SharedWindowTable } from '../../src/index.ts';
import { randomFrom } from './threads.ts';

export type Task =
  | { readonly do: 'write'; readonly ring: SharedArrayBuffer; readonly records: number; readonly from: number }
  | {
      readonly do: 'count';
      readonly table: SharedArrayBuffer;
      readonly slot: number;
      readonly keys: number;
      readonly max: number;
      readonly rounds: number;
      /** A word for each key, in which threads note what they really hold. */
      readonly notes: SharedArrayBuffer;
    }
  | {
      readonly do: 'take';
      /** The limit is `limit` at once and then one every 10 us, or `limit` in 1,000 us. */
      readonly from: 'rate' | 'window';
      readonly table: SharedArrayBuffer;
      readonly slot: number;
      readonly keys: number;
      readonly limit: number;
      readonly rounds: number;
      /** One word: microseconds, moved by `stepMicros` in every round by each thread. */
      readonly clock: SharedArrayBuffer;
      readonly stepMicros: number;
      /** A word for each key: units that threads were given. */
      readonly notes: SharedArrayBuffer;
    }
  | { readonly do: 'judge'; readonly recorder: SharedArrayBuffer };

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `startThread` starts this file, with a Task.
const task = workerData as Task;
switch (task.do) {
  case 'write':
    tell(write(task));
    break;
  case 'count':
    tell(count(task));
    break;
  case 'take':
    tell(take(task));
    break;
  case 'judge':
    judge(task);
    break;
}

/** Writes numbered records of many lengths; one that was dropped is written again, so that none may be missing. */
function write({ ring, records, from }: Task & { do: 'write' }): { written: number } {
  const writer = new ByteRing(ring);
  for (let index = from; index < from + records; index += 1) {
    const record = `${index}:${'é'.repeat(index % 61)}`;
    while (!writer.write(record, index % 2)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }
  return { written: records };
}

/** Takes and gives back at random and notes what it holds; ends holding nothing, or is ended in the middle of it. */
function count({ table, slot, keys, max, rounds, notes }: Task & { do: 'count' }): { counted: number } {
  const gauge = new SharedGaugeTable(table, { hashKey: new Uint8Array(16).fill(7), slot });
  const noted = new Int32Array(notes);
  const random = randomFrom(slot + 1);
  const held: { key: number; handle: number }[] = [];
  let counted = 0;
  for (let round = 0; round < rounds; round += 1) {
    const key = random() % keys;
    const handle = random() % 2 === 0 ? gauge.acquire(`key-${key}`, max) : -1;
    if (handle >= 0) {
      if (Atomics.add(noted, key, 1) >= max) throw new Error(`key-${key} was given more than ${max} times`);
      held.push({ key, handle });
      counted += 1;
    } else {
      for (const each of held.splice(random() % Math.max(1, held.length), 1)) giveBack(each);
    }
  }
  for (const each of held) giveBack(each);
  return { counted };

  function giveBack({ key, handle }: { key: number; handle: number }): void {
    Atomics.sub(noted, key, 1);
    gauge.release(handle);
  }
}

/** Takes units at random and tells which key was given one when: twice as many numbers as units. */
function take({ from, table, slot, keys, limit, rounds, clock, stepMicros, notes }: Task & { do: 'take' }): number[] {
  const member = { hashKey: new Uint8Array(16).fill(7), slot };
  const limiter =
    from === 'rate'
      ? new SharedRateTable(table, member).limit({ space: 1, intervalMicros: 10, burst: limit })
      : new SharedWindowTable(table, member).limit({ space: 1, limit });
  const time = new Int32Array(clock);
  const noted = new Int32Array(notes);
  const random = randomFrom(slot + 1);
  const given: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const key = random() % keys;
    const nowMicros = Atomics.add(time, 0, stepMicros);
    const wait = limiter.take(`key-${key}`, nowMicros);
    if (wait === undefined) throw new Error('the table could not say');
    if (wait > 0) continue;
    Atomics.add(noted, key, 1);
    given.push(key, nowMicros);
  }
  return given;
}

/** Stops in the middle of a judgement and never comes back. */
function judge({ recorder }: Task & { do: 'judge' }): void {
  const flight = new FlightRecorder(recorder);
  flight.end(flight.begin('a harmless input'));
  const ticket = flight.begin('GET /the-input-that-kills HTTP/1.1\r\n');
  flight.append(ticket, 'x-poison: é');
  tell('judging');
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

function tell(result: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- This is a port between threads, not a window.
  parentPort?.postMessage(result);
}
