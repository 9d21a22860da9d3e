import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeInputs, keepLostInput } from '../../src/plane/lost-input.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-lost-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function kept(...inputs: readonly string[]): string {
  return readFileSync(
    keepLostInput(
      folder,
      'worker-0',
      inputs.map((input) => Buffer.from(input)),
    ),
    'utf8',
  );
}

describe('what a lost worker was judging', () => {
  it('is kept for its owner alone, in a folder that is made for it', () => {
    const path = keepLostInput(join(folder, 'a', 'b'), 'worker-0', [Buffer.from('GET / HTTP/1.1')]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'a', 'b')).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, 'utf8')).toBe('GET / HTTP/1.1\n');
  });

  it.each([
    'Authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'X-Api-Key',
    'Cf-Access-Jwt-Assertion',
    'X-Origin-Secret',
    'X-Session',
    'x-amz-signature',
    'X-CSRF-Token',
  ])('shows the length of %s, and not its value', (name) => {
    expect(kept(`GET / HTTP/1.1\nhost\na\n${name}\nhunter2\naccept\n*/*`)).toBe(
      `GET / HTTP/1.1\nhost\na\n${name}\n*******\naccept\n*/*\n`,
    );
  });

  it('shows names in a query, and no values', () => {
    expect(kept('GET /a?user=bob&token=hunter2&flag&=x HTTP/1.1')).not.toMatch(/bob|hunter2/);
    expect(kept('GET /a?user=bob&token=hunter2&flag HTTP/1.1')).toContain('/a?user=***&token=*******');
  });

  it('is a line for events, without the query and without what is not a letter', () => {
    const inputs = ['GET /a?token=hunter2 HTTP/1.1\ncookie\nsecret', 'GET /\u001b[31m\u00e9 HTTP/1.1'];
    expect(describeInputs(inputs.map((input) => Buffer.from(input)))).toBe('GET /a?...; GET /?[31m? HTTP/1.1');
  });

  it('is at most five short lines for events', () => {
    const inputs = Array.from({ length: 64 }, () => Buffer.from(`GET /${'a'.repeat(4_000)}`));
    const text = describeInputs(inputs);
    expect(text.split('; ').map(({ length }) => length)).toEqual([120, 120, 120, 120, 120]);
  });
});
