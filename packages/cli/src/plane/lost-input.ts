import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Keeps what a worker was judging when it was lost: one file, for its owner alone, from which the request can be made again.
 * Values of fields that hold secrets are masked, letter for letter, so that lengths stay. Answers the path.
 *
 * @throws Error when the folder cannot be written.
 */
export function keepLostInput(folder: string, name: string, inputs: readonly Uint8Array[]): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${name}.txt`);
  const parts = inputs.map((bytes) => masked(Buffer.from(bytes).toString('utf8')));
  writeFileSync(path, `${parts.join('\n\n')}\n`, { mode: 0o600 });
  return path;
}

/** The first line of each input, without its query: for events. */
export function describeInputs(inputs: readonly Uint8Array[]): string {
  const lines = inputs.map((bytes) => {
    const [line = ''] = Buffer.from(bytes).toString('utf8').split('\n', 1);
    return line
      .replace(/\?.*$/, '?...')
      .replaceAll(/[^ -~]/g, '?')
      .slice(0, LINE_LENGTH_MAX);
  });
  return lines.slice(0, LINES_MAX).join('; ');
}

/** An input is its request line, and then a line for each name and one for each value of its header fields. */
function masked(input: string): string {
  const [line = '', ...fields] = input.split('\n');
  const shown = fields.map((text, index) =>
    index % 2 === 1 && SECRET.test(fields[index - 1] ?? '') ? '*'.repeat(text.length) : text,
  );
  return [
    line.replace(/\?.*$/, (query) => query.replaceAll(/=[^&]*/g, (value) => `=${'*'.repeat(value.length - 1)}`)),
    ...shown,
  ].join('\n');
}

/** Names of header fields whose values nobody may read. */
const SECRET = /authorization|cookie|token|secret|key|password|session|jwt|signature/i;

const LINES_MAX = 5;
const LINE_LENGTH_MAX = 120;
