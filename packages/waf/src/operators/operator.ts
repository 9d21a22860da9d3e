import type { Detectors } from '../detect/port.ts';
import type { Macro } from '../seclang/macro.ts';

/** What an operator may ask while a rule runs. */
export interface OperatorRun {
  readonly detectors: Detectors;
  /** The argument's text now. */
  expand(macro: Macro): string;
  /** Where TX.0 to TX.9 go; undefined when the rule does not capture. */
  readonly captures: string[] | undefined;
  /** The highest of TX.1 to TX.9 that is wanted; 0 where TX.0 is enough, which is found with far less work. */
  readonly groupsMax: number;
  /** Work beyond one look at every byte of the value, which the caller counts itself. The operator adds to it. */
  steps: number;
}

/** A compiled operator: true when the value matches. Linear in the value. */
export interface Operator {
  (text: string, run: OperatorRun): boolean;
  /** The same with pauses, where a long value takes long. Between two parts the operator may be asked about others. */
  readonly inParts?: (text: string, run: OperatorRun) => Generator<undefined, boolean>;
}
