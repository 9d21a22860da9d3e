import { IpAddress, parseNetwork } from '@sallyport/kernel';
import type { Field, FieldUnit } from '../schema/field.ts';
import { isoMs } from './moment.ts';
import { quoted } from './problem.ts';

/** A typed value, or why the text is none for this field. */
export type TypedValue =
  | { readonly kind: 'value'; readonly value: string | number | boolean }
  | { readonly kind: 'wrong'; readonly message: string; readonly suggestion?: string };

/** The value that `text` is for a field: in the field's unit, and in the text that records have. */
export function typedValue(field: Field, text: string): TypedValue {
  switch (field.type) {
    case 'text':
    case 'texts':
      return { kind: 'value', value: text };
    case 'integer':
    case 'integers':
    case 'real':
      return typedNumber(field, text);
    case 'flag':
      if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true' };
      return { kind: 'wrong', message: `${field.name} is true or false, not ${quoted(text)}` };
    case 'address':
      return typedAddress(field, text);
    case 'time': {
      const timeMs = isoMs(text);
      if (timeMs !== undefined) return { kind: 'value', value: new Date(timeMs).toISOString() };
      const message = `${field.name} is a time such as 2026-11-28T03:00Z, not ${quoted(text)}`;
      return isoMs(`${text}Z`) === undefined
        ? { kind: 'wrong', message }
        : { kind: 'wrong', message, suggestion: `${text}Z` };
    }
    case 'structure':
      return { kind: 'wrong', message: `${field.name} has no value of its own` };
  }
}

/** Canonical CIDR; undefined when it is no network. One address is the network of itself. */
export function canonicalNetwork(text: string): string | undefined {
  const network = parseNetwork(text);
  return network === undefined ? undefined : `${network.address.text}/${network.prefixLength}`;
}

function typedAddress(field: Field, text: string): TypedValue {
  // What stands in `peer` for a client that came by a socket file.
  if (text === 'unix') return { kind: 'value', value: text };
  const value = text.includes('/') ? canonicalNetwork(text) : IpAddress.parse(text)?.text;
  if (value !== undefined) return { kind: 'value', value };
  return {
    kind: 'wrong',
    message: `${field.name} is an IP address or a network, not ${quoted(text)}${hostBits(text)}`,
  };
}

/** `10.0.0.5/8` is more likely a slip than a wish, and the slip is hard to see. */
export function hostBits(text: string): string {
  const isNearly = text.includes('/') && IpAddress.parse(text.slice(0, text.indexOf('/'))) !== undefined;
  return isNearly ? '; bits behind the prefix must be zero' : '';
}

const NUMBER = /^(-?\d{1,16}(?:\.\d{1,16})?)([a-zA-Z]*)$/;

/** What one of each is in the field's own unit; a kilobyte has 1,024 bytes, as in the configuration. */
const FACTORS: Readonly<Record<FieldUnit, Readonly<Record<string, number>>>> = {
  milliseconds: { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  microseconds: { us: 1, ms: 1_000, s: 1_000_000 },
  bytes: { b: 1, kb: 1_024, mb: 1_048_576, gb: 1_073_741_824 },
};

function typedNumber(field: Field, text: string): TypedValue {
  const [, digits, unit = ''] = NUMBER.exec(text) ?? [];
  if (digits === undefined) return { kind: 'wrong', message: `${field.name} is a number, not ${quoted(text)}` };
  const factors = field.unit === undefined ? {} : FACTORS[field.unit];
  const key = unit.toLowerCase();
  const factor = unit === '' ? 1 : Object.hasOwn(factors, key) ? factors[key] : undefined;
  if (factor === undefined) {
    const units = Object.keys(factors);
    const known = units.length === 0 ? 'has no unit' : `is in ${units.join(', ')}`;
    return { kind: 'wrong', message: `${field.name} ${known}, not in ${quoted(unit)}`, suggestion: digits };
  }
  const value = Number(digits) * factor;
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return { kind: 'wrong', message: `${quoted(text)} is too large` };
  // Below it a number prints with an exponent, and nothing we measure is as small.
  return { kind: 'value', value: Math.abs(value) < 0.000_001 ? 0 : value };
}
