import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** One stage of a test: what is sent, and what has to be in the log. */
export interface Stage {
  readonly input: StageInput;
  readonly output: StageOutput;
}

export interface StageInput {
  readonly uri: string;
  readonly version: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly data: string | undefined;
  /** The whole request, in base64. */
  readonly encodedRequest: string | undefined;
  readonly isCompleted: boolean;
}

export interface StageOutput {
  readonly status: number | undefined;
  readonly expectIds: readonly number[];
  readonly noExpectIds: readonly number[];
  readonly matchRegex: string | undefined;
  readonly noMatchRegex: string | undefined;
  readonly expectError: boolean | undefined;
}

export interface Test {
  /** `920100-4`. */
  readonly name: string;
  readonly stages: readonly Stage[];
}

/** Reads every test below `folder`, in the order of their names. Strings are byte strings of their UTF-8 form. */
export function readTests(folder: string): readonly Test[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ya?ml$/.test(file))
    .toSorted()
    .flatMap((file) => testsOf(parse(readFileSync(join(folder, file), 'utf8'))));
}

function testsOf(file: unknown): readonly Test[] {
  const { rule_id: ruleId, tests } = fields(file);
  return list(tests).map((one) => {
    const { test_id: testId, stages } = fields(one);
    return { name: `${text(ruleId)}-${text(testId)}`, stages: list(stages).map(stageOf) };
  });
}

function stageOf(stage: unknown): Stage {
  const { input, output } = fields(stage);
  const { status, log, expect_error: expectError } = fields(output);
  const { expect_ids: ids, no_expect_ids: noIds, match_regex: regex, no_match_regex: noRegex } = fields(log);
  return {
    input: inputOf(fields(input)),
    output: {
      status: typeof status === 'number' ? status : undefined,
      expectIds: list(ids).map(Number),
      noExpectIds: list(noIds).map(Number),
      matchRegex: typeof regex === 'string' ? regex : undefined,
      noMatchRegex: typeof noRegex === 'string' ? noRegex : undefined,
      expectError: typeof expectError === 'boolean' ? expectError : undefined,
    },
  };
}

function inputOf(input: Readonly<Record<string, unknown>>): StageInput {
  const { uri, version, method, headers, data, encoded_request: encoded, autocomplete_headers: completes } = input;
  return {
    uri: uri === undefined ? '/' : bytes(text(uri)),
    version: version === undefined ? 'HTTP/1.1' : text(version),
    method: method === undefined ? 'GET' : text(method),
    headers: Object.entries(fields(headers)).map(([name, value]) => [bytes(name), bytes(text(value))]),
    data: data === undefined ? undefined : bytes(expandTemplates(text(data))),
    encodedRequest: encoded === undefined ? undefined : text(encoded),
    isCompleted: completes !== false,
  };
}

/** The one template that the suite uses. */
function expandTemplates(data: string): string {
  return data.replaceAll(/\{\{ "([^"]*)" \| repeat (\d+) \}\}/g, (_, unit: string, count: string) =>
    unit.repeat(Number(count)),
  );
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function bytes(value: string): string {
  return Buffer.from(value, 'utf8').toString('latin1');
}
