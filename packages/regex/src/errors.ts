/** Why a pattern was refused. A closed list: callers may switch over it. */
export type RegexErrorCode =
  | 'ATOMIC_GROUP'
  | 'BACK_REFERENCE'
  | 'BAD_CLASS'
  | 'BAD_ESCAPE'
  | 'BAD_FLAG'
  | 'BAD_GROUP'
  | 'BAD_IMAGE'
  | 'BAD_OPTION'
  | 'BAD_RANGE'
  | 'BAD_REPEAT'
  | 'CONDITIONAL'
  | 'CONTROL_VERB'
  | 'DUPLICATE_NAME'
  | 'LOOK_AROUND'
  | 'NOT_BYTES'
  | 'NOTHING_TO_REPEAT'
  | 'POSSESSIVE_QUANTIFIER'
  | 'RECURSION'
  | 'TOO_DEEP'
  | 'TOO_LARGE'
  | 'UNBALANCED'
  | 'UNICODE_CLASS'
  | 'UNSUPPORTED';

/**
 * A pattern, an option or an input was refused. `position` is the index of the code unit in the pattern (or in the
 * input, for `NOT_BYTES` of an input) that the reason speaks of, and -1 where no single place is to blame.
 */
export class RegexError extends Error {
  override readonly name = 'RegexError';
  readonly code: RegexErrorCode;
  readonly position: number;
  /** One sentence without the position; it never contains text of the input, so it may be logged. */
  readonly reason: string;
  /** Index of the member of a set that the reason speaks of, -1 outside of sets. */
  readonly member: number;

  constructor(code: RegexErrorCode, position: number, reason: string, member = -1) {
    const where = `${member < 0 ? '' : ` in member ${member}`}${position < 0 ? '' : ` at ${position}`}`;
    super(`${code}${where}: ${reason}`);
    this.member = member;
    this.code = code;
    this.position = position;
    this.reason = reason;
  }
}
