import { Buffer } from 'node:buffer';
import type { StageInput } from './test-file.ts';

/** The bytes that go-ftw sends for a stage, as a byte string. */
export function requestBytes(input: StageInput): string {
  if (input.encodedRequest !== undefined) return Buffer.from(input.encodedRequest, 'base64').toString('latin1');
  const headers = [...input.headers];
  const has = (name: string): boolean => headers.some(([one]) => one.toLowerCase() === name);
  const get = (name: string): string => headers.find(([one]) => one.toLowerCase() === name)?.[1] ?? '';
  let data = input.data ?? '';
  if (input.isCompleted) {
    if (data !== '' && !has('content-type')) headers.push(['Content-Type', 'application/x-www-form-urlencoded']);
    if (get('content-type') === 'application/x-www-form-urlencoded') data = encodedForm(data);
    if (get('content-type').startsWith('multipart/form-data;')) data = data.replaceAll('\n', '\r\n');
    if (!has('connection')) headers.push(['Connection', 'close']);
    const hasBody = data !== '' || /^POST|PUT|PATCH|DELETE$/.test(input.method);
    if (hasBody && !has('content-length')) headers.push(['Content-Length', String(data.length)]);
  }
  const lines = headers
    .toSorted(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `${input.method} ${input.uri} ${input.version}\r\n${lines.join('')}\r\n${data}`;
}

/** A form that holds no escapes is given some, so that what a test means arrives. */
function encodedForm(data: string): string {
  const hasEscapes = /\+|%/.test(data);
  if (data === '' || hasEscapes) return data;
  return data
    .split('&')
    .map((pair) => {
      const equals = pair.indexOf('=');
      return equals < 0 ? escaped(pair) : `${escaped(pair.slice(0, equals))}=${escaped(pair.slice(equals + 1))}`;
    })
    .join('&');
}

/** As Go's `url.QueryEscape`. */
function escaped(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9\-_.~]/g, (byte) =>
    byte === ' ' ? '+' : `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
