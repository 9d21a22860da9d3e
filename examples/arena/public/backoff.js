/** Ceiling of the first wait and of every later one, in milliseconds. */
const FIRST_MS = 500;
const LONGEST_MS = 15_000;

/** Standard close codes after which the server may simply be back in a moment. */
const TEMPORARY = new Set([1001, 1005, 1006, 1011, 1012, 1013]);

/**
 * Whether a connection that closed with this code may come back as it was. 4500 to 4999 say so, 4400 to 4499 say that
 * coming back unchanged would be refused again.
 */
export function comesBack(code) {
  return TEMPORARY.has(code) || (code >= 4500 && code <= 4999);
}

/**
 * Milliseconds to wait before attempt number `attempt` (0, 1, 2, ...). Exponential with full jitter: a thousand players
 * who lost one server must not return in the same instant. `random` gives 0 to 1, as Math.random does.
 */
export function reconnectDelayMs(attempt, random) {
  return Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
}
