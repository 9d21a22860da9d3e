import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAuthority } from '../../src/request/authority.ts';

describe('a Host has one spelling', () => {
  test.each([
    ['a.example', 'a.example', 'a.example'],
    ['A.Example', 'a.example', 'a.example'],
    ['a.example.', 'a.example', 'a.example'],
    ['a.example:80', 'a.example', 'a.example:80'],
    ['a.example:0080', 'a.example', 'a.example:80'],
    ['a.example.:65535', 'a.example', 'a.example:65535'],
    ['my_host', 'my_host', 'my_host'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['[2001:DB8::1]', '[2001:db8::1]', '[2001:db8::1]'],
    ['[2001:db8:0::1]:443', '[2001:db8::1]', '[2001:db8::1]:443'],
    ['[::ffff:192.0.2.1]', '192.0.2.1', '192.0.2.1'],
  ])('%s is %s', (raw, host, text) => {
    expect(parseAuthority(raw)).toEqual({ host, text });
  });

  test.each([
    [''],
    ['.'],
    [':80'],
    ['a.example:'],
    ['a.example:0'],
    ['a.example:65536'],
    ['a.example:8a'],
    ['a.example:+80'],
    ['a.example:80:80'],
    ['a..example'],
    ['.a.example'],
    ['a.example..'],
    ['user@a.example'],
    ['a.example/x'],
    ['a.example?x'],
    ['a.example#x'],
    ['a.example, b.example'],
    ['a example'],
    ['a.example\t'],
    ['a\x00b'],
    ['b\xfccher.example'],
    ['%61.example'],
    ['::1'],
    ['[::1'],
    ['[]'],
    ['[192.0.2.1]'],
    ['[fe80::1%eth0]'],
    ['[::1]a'],
    ['[::1]:'],
    [`${'a'.repeat(64)}.example`],
    [`${'a.'.repeat(130)}example`],
  ])('%j is refused', (raw) => {
    expect(parseAuthority(raw)).toBeUndefined();
  });
});

const anything = fc
  .array(fc.constantFrom('a', 'B', '9', '-', '_', '.', ':', '[', ']', '::', '80', '@', '/', ' ', '%', 'é'))
  .map((all) => all.join(''));

test('whatever passes is its own normal form and safe to write into a header', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anything,
        fc.domain(),
        fc.ipV6().map((ip) => `[${ip}]`),
        fc.ipV4(),
      ),
      (raw) => {
        const authority = parseAuthority(raw);
        if (authority === undefined) return;
        expect(parseAuthority(authority.text)).toEqual(authority);
        expect(authority.text).toMatch(/^(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[1-9][0-9]{0,4})?$/);
      },
    ),
  );
});
