import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Attacks or harmless values, as byte strings. */
export interface Corpus {
  readonly name: string;
  readonly kind: 'sqli' | 'xss' | 'benign';
  readonly values: readonly string[];
}

/** The half that detectors are developed on and the half that is only measured. */
export type Half = 'seen' | 'unseen';

/** Reads the attack lists, the values that other detectors took for attacks, and the parameters of a shop. */
export function readCorpora(dataFolder: string): readonly Corpus[] {
  const folder = join(dataFolder, 'injection-corpora');
  const lists = readdirSync(join(folder, 'libinjection'))
    .toSorted()
    .flatMap((file): Corpus[] => {
      const kind = /^(?:(sqli|xss)-|(false_positives)\.txt)/.exec(file);
      if (kind === null) return [];
      const values = linesOf(join(folder, 'libinjection', file)).map(urlDecoded);
      return [{ name: file, kind: kind[1] === 'sqli' || kind[1] === 'xss' ? kind[1] : 'benign', values }];
    });
  return [...lists, ...parametersOf(join(folder, 'http-params', 'payload_train.csv'))];
}

/** Which half a value belongs to: its hash decides, so that no order and no list does. */
export function halfOf(value: string): Half {
  return ((createHash('sha256').update(value, 'latin1').digest()[0] ?? 0) & 1) === 0 ? 'seen' : 'unseen';
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'latin1')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

function urlDecoded(line: string): string {
  return line
    .replaceAll('+', ' ')
    .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function parametersOf(file: string): Corpus[] {
  const rows = rowsOf(file);
  return [
    { name: 'http-params sqli', kind: 'sqli', values: valuesOf(rows, 'sqli') },
    { name: 'http-params xss', kind: 'xss', values: valuesOf(rows, 'xss') },
    { name: 'http-params norm', kind: 'benign', values: valuesOf(rows, 'norm') },
  ];
}

/** The parameters of one kind that no detector of its own is measured with: `cmdi` or `path-traversal`. */
export function otherParameters(dataFolder: string, type: 'cmdi' | 'path-traversal'): readonly string[] {
  return valuesOf(rowsOf(join(dataFolder, 'injection-corpora', 'http-params', 'payload_train.csv')), type);
}

type Row = readonly [payload: string, type: string];

/** Rows of `"payload","length","attack_type","label"`; a quote in a payload is doubled. */
function rowsOf(file: string): readonly Row[] {
  const rows = readFileSync(file, 'latin1').matchAll(/^"((?:[^"]|"")*)","\d+","([a-z-]+)","[a-z]+"\r?$/gm);
  return [...rows].map(([, payload = '', type = '']) => [payload.replaceAll('""', '"'), type]);
}

function valuesOf(rows: readonly Row[], type: string): readonly string[] {
  return rows.filter((row) => row[1] === type).map(([payload]) => payload);
}
