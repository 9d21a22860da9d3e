import type { FieldValue } from '@sallyport/siem';
import type { Counter } from './day-reader.ts';
import type { TopAnswer } from './event-query.ts';
import type { NumberedValues, SharedColumn } from './shared-column.ts';

/** How often each value was seen, of as many values as are kept. */
export class Tally implements Counter {
  readonly #counts = new Map<string | number | boolean, number>();
  /** By number, of files that are open. */
  readonly #byNumber = new Map<NumberedValues, Float64Array>();
  #events = 0;
  #without = 0;
  #isExact = true;

  value(value: FieldValue, events: number): void {
    if (typeof value !== 'object') return this.#add(value, events);
    for (const element of new Set(value)) this.#add(element, events);
  }

  /** Texts that have numbers are counted by them, and become texts once for each file. */
  shared(column: SharedColumn, counts: Uint32Array): void {
    const { shared, numbers } = column;
    const sums = this.#byNumber.get(shared) ?? new Float64Array(shared.count + 1);
    this.#byNumber.set(shared, sums);
    for (let code = 1; code < counts.length; code += 1) {
      const events = counts[code] ?? 0;
      if (events === 0) continue;
      const number = numbers[code] ?? 0;
      if (number === 0) this.value(column.textOf(code) ?? '', events);
      else sums[number] = (sums[number] ?? 0) + events;
    }
  }

  /** What was counted by numbers is counted as texts. */
  fold(): void {
    for (const [shared, sums] of this.#byNumber) {
      for (let number = 1; number < sums.length; number += 1) {
        const events = sums[number] ?? 0;
        if (events > 0) this.#add(shared.textOf(number), events);
      }
    }
    this.#byNumber.clear();
  }

  events(events: number, without: number): void {
    this.#events += events;
    this.#without += without;
  }

  answer(limit: number): Omit<TopAnswer, 'gaps'> {
    const values = [...this.#counts]
      .map(([value, events]) => ({ value, events }))
      .toSorted((one, other) => other.events - one.events || (String(one.value) < String(other.value) ? -1 : 1))
      .slice(0, limit);
    return { values, events: this.#events, without: this.#without, isExact: this.#isExact };
  }

  #add(value: string | number | boolean, events: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + events);
    if (this.#counts.size > TALLY_VALUES_MAX) this.#forgetRare();
  }

  /** Misra and Gries: what all have in common is taken away from all, so that what is frequent stays. */
  #forgetRare(): void {
    this.#isExact = false;
    const counts = [...this.#counts.values()].toSorted((one, other) => one - other);
    const common = counts[counts.length >> 1] ?? 0;
    for (const [value, events] of this.#counts) {
      if (events <= common) this.#counts.delete(value);
      else this.#counts.set(value, events - common);
    }
  }
}

/** Distinct values that are counted; addresses of a large attack are more. */
const TALLY_VALUES_MAX = 200_000;
