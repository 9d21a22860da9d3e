import { Buffer } from 'node:buffer';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One case: an operator with its argument and what it answers, or a transformation and what it gives. */
export interface Vector {
  /** `transformations/urlDecode.json 3`. */
  readonly name: string;
  readonly subject: string;
  readonly input: string;
  readonly parameter: string;
  readonly output: string;
  readonly isMatch: boolean;
}

/** Reads all cases of `operators` or `transformations`. */
export function readVectors(folder: string, kind: 'operators' | 'transformations'): readonly Vector[] {
  return readdirSync(join(folder, kind))
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .flatMap((file) => {
      const cases: unknown = JSON.parse(readFileSync(join(folder, kind, file), 'utf8'));
      return Array.isArray(cases) ? cases.map((one, index) => vectorOf(`${kind}/${file} ${index}`, file, one)) : [];
    });
}

function vectorOf(name: string, file: string, raw: unknown): Vector {
  const fields = new Map(typeof raw === 'object' && raw !== null ? Object.entries(raw) : []);
  const text = (key: string): string => String(fields.get(key) ?? '');
  return {
    name,
    subject: file.endsWith('nids.json') ? 'validateNid' : file.slice(0, -'.json'.length),
    input: bytesOf(text('input')),
    parameter: Buffer.from(text('param'), 'utf8').toString('latin1'),
    output: bytesOf(text('output')),
    isMatch: fields.get('ret') === 1,
  };
}

/**
 * The vectors are JSON, which holds no bytes: their authors spell bytes as `\xhh` and characters as `\uhhhh` in the
 * text, and everything else is UTF-8. A digit that is none ends the number, as C's `strtol` has it.
 */
function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8')
    .toString('latin1')
    .replaceAll(/\\x([0-9A-Za-z]{2})/g, (_, digits: string) => String.fromCharCode(hex(digits)))
    .replaceAll(/\\u([0-9A-Fa-f]{4})/g, (_, digits: string) => String.fromCharCode(hex(digits) & 0xff));
}

function hex(digits: string): number {
  const number = Number.parseInt(digits, 16);
  return Number.isNaN(number) ? 0 : number;
}
