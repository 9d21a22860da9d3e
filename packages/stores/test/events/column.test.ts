import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ColumnBuilder, decodeColumn, type StoredValue, valueAt } from '../../src/events/column.ts';
import { eventOf, forEachField, type StoredEvent } from '../../src/events/flat-fields.ts';
import { pack, unpack } from '../../src/events/packed.ts';
import { SegmentBuilder } from '../../src/events/segment.ts';
import { anyEvent, exchange } from './sample.ts';

function roundTrip(values: readonly (StoredValue | undefined)[]): {
  kind: string;
  values: readonly unknown[];
  bytes: number;
} {
  const builder = new ColumnBuilder(values.length);
  for (const [row, value] of values.entries()) if (value !== undefined) builder.set(row, value);
  const encoded = builder.encode(values.length);
  const column = decodeColumn(encoded, values.length);
  return {
    kind: column.kind,
    values: values.map((_, row) => valueAt(column, row)),
    bytes: encoded.dictionary.length + encoded.rows.length,
  };
}

describe('a column', () => {
  const many = Array.from({ length: 3_000 }, (_, index) => index);
  it.each<[string, readonly (StoredValue | undefined)[], string]>([
    ['the same text throughout', many.map(() => 'web'), 'dictionary'],
    ['some without a value', many.map((index) => (index % 3 === 0 ? undefined : `v${index % 9}`)), 'dictionary'],
    ['more than 255 texts', many.map((index) => `text ${index}`), 'dictionary'],
    ['times', many.map((index) => 1_790_000_000_000 + index * 31), 'numbers'],
    ['times with gaps', many.map((index) => (index % 5 === 1 ? undefined : 1_790_000_000_000 - index * 31)), 'numbers'],
    ['thousandths', many.map((index) => (index * 7919) / 1_000), 'numbers'],
    ['numbers that are no thousandths', many.map((index) => index / 3), 'dictionary'],
    ['numbers that are too far apart', many.map((index) => (index % 2 === 0 ? index : 1e15 + index)), 'dictionary'],
    ['numbers and texts', many.map((index) => (index === 2_999 ? 'x' : index)), 'dictionary'],
    ['lists, and a text that looks like one', [[1, 2], '[1,2]', '\u0000[1,2]', [1, 2], []], 'dictionary'],
    ['true, 1 and "1"', [true, 1, '1', false, 0, ''], 'dictionary'],
    ['nothing at all', [undefined, undefined], 'dictionary'],
  ])('gives back %s', (_, values, kind) => {
    expect(roundTrip(values)).toMatchObject({ kind, values });
  });

  it('needs next to nothing for what is the same, or grows evenly', () => {
    expect(roundTrip(many.map(() => 'web')).bytes).toBeLessThan(10);
    expect(roundTrip(many.map((index) => 1_790_000_000_000 + index)).bytes).toBeLessThan(100);
  });

  it.each([
    ['cut', (bytes: Uint8Array) => bytes.subarray(0, bytes.length - 3)],
    ['of another kind', (bytes: Uint8Array) => Uint8Array.of(9, ...bytes.subarray(1))],
    ['longer than anything', (bytes: Uint8Array) => Uint8Array.of(1, 255, 255, 255, 255, ...bytes.subarray(5))],
    ['changed', (bytes: Uint8Array) => bytes.map((byte, at) => (at === 9 ? byte ^ 0xff : byte))],
  ])('is not read when it was %s', (_, damage) => {
    const packed = pack(Buffer.from('some text '.repeat(100)));
    expect(unpack(packed).toString()).toBe('some text '.repeat(100));
    expect(() => unpack(damage(packed))).toThrow();
  });
});

describe('events', () => {
  const fieldsOf = (event: StoredEvent): [string, StoredValue][] => {
    const fields: [string, StoredValue][] = [];
    forEachField(event, (name, value) => fields.push([name, value]));
    return fields;
  };

  it('are what they were when they have been taken apart and put together', () => {
    fc.assert(
      fc.property(anyEvent(), (event) => {
        expect(eventOf(fieldsOf(event))).toEqual(event);
      }),
    );
  });

  it('have fields with dotted names, and a time that can be compared', () => {
    expect(Object.fromEntries(fieldsOf(exchange(3)))).toMatchObject({
      time: 1795860000021,
      'stageUs.waf': 103,
      status: 200,
    });
  });

  it('are what they were when they have been in a segment', () => {
    fc.assert(
      fc.property(fc.array(anyEvent(), { minLength: 1, maxLength: 40 }), (events) => {
        const builder = new SegmentBuilder(40);
        for (const event of events) builder.add(event);
        const { columns, fromMs, toMs } = builder.encode();
        const read = [...columns].map(([name, column]) => [name, decodeColumn(column, events.length)] as const);
        const back = events.map((_, row) =>
          eventOf(
            read.flatMap(([name, column]) => {
              const value = valueAt(column, row);
              return value === undefined ? [] : [[name, value] as const];
            }),
          ),
        );
        expect(back).toEqual(events);
        const times = events.map(({ time }) => Date.parse(String(time)));
        expect([fromMs, toMs]).toEqual([Math.min(...times), Math.max(...times)]);
      }),
    );
  });
});
