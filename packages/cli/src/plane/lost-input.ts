import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Keeps what a worker was judging when it was lost: one file, for its owner alone, from which the request can be made again.
 * Values that may hold secrets are masked, letter for letter, so that lengths stay. Answers the path.
 *
 * @throws Error when the folder cannot be written.
 */
export function keepLostInput(folder: string, name: string, inputs: readonly Uint8Array[]): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = readdirSync(folder)
    .filter((file) => FILE.test(file))
    .toSorted((one, other) => one.slice(-FILE_TIME_LENGTH).localeCompare(other.slice(-FILE_TIME_LENGTH)));
  for (const file of kept.slice(0, Math.max(0, kept.length - FILES_MAX + 1))) rmSync(join(folder, file));
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
    index % 2 === 0 || SHOWN.has((fields[index - 1] ?? '').toLowerCase()) ? text : '*'.repeat(text.length),
  );
  return [
    line.replace(/\?.*$/, (query) => query.replaceAll(/=[^&]*/g, (value) => `=${'*'.repeat(value.length - 1)}`)),
    ...shown,
  ].join('\n');
}

/**
 * Fields whose values may be read. All others are masked: a secret may be in a field of any name, and the configuration of the
 * one that has it may be what was lost.
 */
const SHOWN: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

/** `worker-0-2026-11-28T015713.123Z.txt` */
const FILE = /^worker-[0-9]+-[0-9T.-]+Z\.txt$/;
const FILE_TIME_LENGTH = '2026-11-28T015713.123Z.txt'.length;

/** The oldest leave: somebody who can end workers must not fill the disk. */
const FILES_MAX = 50;

const LINES_MAX = 5;
const LINE_LENGTH_MAX = 120;
