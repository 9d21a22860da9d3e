import { logLine, type Transaction, type Waf } from '@sallyport/waf';
import { type Exchange, play } from './exchange.ts';

/** Engines of the same rules: the oracle, one that is to agree with it, and perhaps one that is to agree in slices. */
export interface Pair {
  readonly compiled: Waf;
  readonly oracle: Waf;
  readonly sliced: Waf | undefined;
}

/** How the two engines differ on an exchange; undefined when they say the same. */
export function difference(
  { compiled, oracle, sliced }: Pair,
  exchange: Exchange,
  variables: readonly string[],
): string | undefined {
  const expected = seen(play(oracle, exchange), exchange, variables);
  const whole = firstDifference(seen(play(compiled, exchange), exchange, variables), expected);
  if (whole !== undefined || sliced === undefined) return whole;
  // In some pauses a request of somebody else comes to its end.
  let pauses = 0;
  const other = { ...exchange, target: '/?a=1', body: 'b=2', phases: 'request' } as const;
  const inSlices = play(sliced, exchange, () => {
    pauses += 1;
    if (pauses % PAUSES_PER_OTHER === 0) play(sliced, other, undefined, '192.0.2.11');
  });
  return firstDifference(seen(inSlices, exchange, variables), expected);
}

const PAUSES_PER_OTHER = 10;

function firstDifference(one: readonly string[], other: readonly string[]): string | undefined {
  for (const [index, line] of one.entries()) {
    if (line !== other[index])
      return `compiled ${line?.slice(0, SHOWN_MAX)} oracle ${other[index]?.slice(0, SHOWN_MAX)}`;
  }
  return one.length === other.length ? undefined : `oracle also ${other[one.length]?.slice(0, SHOWN_MAX)}`;
}

const SHOWN_MAX = 600;

/** Everything that can be seen of a transaction, line by line. */
function seen(transaction: Transaction, exchange: Exchange, variables: readonly string[]): readonly string[] {
  const { interruption, suppressedInterruption, matchedRules, wantsResponseBody } = transaction;
  return [
    ...matchedRules.map((match) => JSON.stringify(match)),
    ...matchedRules.map((match) => logLine(match, { uri: exchange.target, uniqueId: 'unique' })),
    JSON.stringify({ interruption, suppressedInterruption, wantsResponseBody }),
    ...variables.map((name) => `TX:${name}=${transaction.valueOf('TX', name)}`),
    ...SCALARS.map((name) => `${name}=${transaction.valueOf(name)}`),
  ];
}

const SCALARS = ['HIGHEST_SEVERITY', 'MATCHED_VAR', 'MATCHED_VAR_NAME', 'REQBODY_PROCESSOR', 'ARGS_COMBINED_SIZE'];
