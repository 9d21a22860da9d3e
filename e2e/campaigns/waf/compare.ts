import { logLine, type Waf } from '@sallyport/waf';
import { type Exchange, play } from './exchange.ts';

/** Two engines of the same rules. */
export interface Pair {
  readonly compiled: Waf;
  readonly oracle: Waf;
}

/** How the two engines differ on an exchange; undefined when they say the same. */
export function difference(
  { compiled, oracle }: Pair,
  exchange: Exchange,
  variables: readonly string[],
): string | undefined {
  const one = seen(compiled, exchange, variables);
  const other = seen(oracle, exchange, variables);
  for (const [index, line] of one.entries()) {
    if (line !== other[index])
      return `compiled ${line?.slice(0, SHOWN_MAX)} oracle ${other[index]?.slice(0, SHOWN_MAX)}`;
  }
  return one.length === other.length ? undefined : `oracle also ${other[one.length]?.slice(0, SHOWN_MAX)}`;
}

const SHOWN_MAX = 600;

/** Everything that can be seen of a transaction, line by line. */
function seen(waf: Waf, exchange: Exchange, variables: readonly string[]): readonly string[] {
  const transaction = play(waf, exchange);
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
