import { parseMacro } from '../seclang/macro.ts';
import type { Operator } from './operator.ts';

export type NumericName = 'eq' | 'ge' | 'gt' | 'le' | 'lt';

/** Compares whole numbers; what is no number is 0, as C's `atoi` says. */
export function numeric(name: NumericName, argument: string): Operator {
  const macro = parseMacro(argument);
  const compare = COMPARISONS[name];
  if (macro.constant !== undefined) {
    const bound = wholeNumberOf(macro.constant);
    return (text) => compare(wholeNumberOf(text), bound);
  }
  return (text, run) => compare(wholeNumberOf(text), wholeNumberOf(run.expand(macro)));
}

/** The whole number at the beginning of the text, 0 without one. */
export function wholeNumberOf(text: string): number {
  const number = Number.parseInt(text, 10);
  return Number.isNaN(number) ? 0 : number;
}

const COMPARISONS: Readonly<Record<NumericName, (value: number, bound: number) => boolean>> = {
  eq: (value, bound) => value === bound,
  ge: (value, bound) => value >= bound,
  gt: (value, bound) => value > bound,
  le: (value, bound) => value <= bound,
  lt: (value, bound) => value < bound,
};
