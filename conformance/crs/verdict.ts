import type { StageOutput } from './test-file.ts';

/** What a stage left behind. */
export interface Played {
  readonly status: number;
  readonly log: readonly string[];
}

/** What is wrong; undefined when everything that the test asserts holds. */
export function failureOf(output: StageOutput, { status, log }: Played): string | undefined {
  const ids = new Set(log.map((line) => Number(/\[id "(\d+)"\]/.exec(line)?.[1])));
  const shown = [...ids].join(' ');
  const missing = output.expectIds.filter((id) => !ids.has(id));
  if (missing.length > 0) return `wants ${missing.join(' ')}, got ${shown}`;
  const unwanted = output.noExpectIds.filter((id) => ids.has(id));
  if (unwanted.length > 0) return `must not have ${unwanted.join(' ')}, got ${shown}`;
  const text = log.join('\n');
  if (output.matchRegex !== undefined && !new RegExp(output.matchRegex).test(text)) return `no ${output.matchRegex}`;
  if (output.noMatchRegex !== undefined && new RegExp(output.noMatchRegex).test(text)) return `has ${shown}`;
  // Where go-ftw cannot read the answer, the gateway refuses.
  const wanted = output.expectError === true ? 400 : output.status;
  if (wanted !== undefined && wanted !== status) return `wants status ${wanted}, got ${status}`;
  return assertsNothing(output) ? 'asserts nothing' : undefined;
}

/** A test without an assertion would pass whatever the engine does. */
function assertsNothing({
  status,
  expectIds,
  noExpectIds,
  matchRegex,
  noMatchRegex,
  expectError,
}: StageOutput): boolean {
  const others = [status, matchRegex, noMatchRegex, expectError];
  return expectIds.length + noExpectIds.length === 0 && others.every((one) => one === undefined);
}
