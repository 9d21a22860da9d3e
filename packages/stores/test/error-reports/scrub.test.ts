import { describe, expect, it } from 'vitest';
import { framesOf } from '../../src/error-reports/frames.ts';
import { scrubMessage, scrubName } from '../../src/error-reports/scrub.ts';

describe('a message that leaves the house', () => {
  it.each([
    [
      "Cannot read properties of undefined (reading 'length')",
      "Cannot read properties of undefined (reading 'length')",
    ],
    ['The "path" argument must be of type string', 'The "path" argument must be of type string'],
    ['connect ECONNREFUSED 10.1.2.3:5432', 'connect ECONNREFUSED [address]'],
    ['peer 2001:db8::17 left', 'peer [address] left'],
    ['peer [2001:db8:0:0:0:0:0:17]:443, gone', 'peer [[address]]:443, gone'],
    ['peer ::ffff:192.0.2.1.', 'peer [address]'],
    ['GET https://alice:pass@shop.example/cart?card=4111', 'GET [url]'],
    ['bad target /cart?card=4111&name=alice', 'bad target [path]'],
    [
      "ENOENT: no such file or directory, open '/srv/alice/key.pem'",
      "ENOENT: no such file or directory, open '[text]'",
    ],
    ['no user alice@example.com here', 'no user [text] here'],
    ['no user alice＠example.com here', 'no user [text] here'],
    ['no user al\u200bice@exa\u200bmple.com here', 'no user [text] here'],
    ['no user alice%40example.com or alice\\u0040example.com', 'no user [text] or [text]'],
    ['sent Bearer abc', 'sent Bearer [token]'],
    ['sent Basic YWxpY2U6cGFzcw== to it', 'sent Basic [token] to it'],
    ['password: hunter2', 'password [token]'],
    ['Cookie: sid=1; name=alice', '[header]'],
    ['failed with "set-cookie": "sid=1"\r\n more=2', 'failed with "[text]'],
    ['failed on Authorization: Digest username="alice"', 'failed on [header]'],
    ['key eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is old', 'key [token] is old'],
    ['call +49-170-1234567 now', 'call [token] now'],
    ['user=alice is missing', 'user=[value] is missing'],
    ['getaddrinfo ENOTFOUND db.players.example', 'getaddrinfo ENOTFOUND [token]'],
    [
      `Unexpected token 'A', "{"name":"Alice Doe"}" is not valid JSON`,
      `Unexpected token 'A', "[text]" is not valid JSON`,
    ],
    ["can't find 'Alice Doe'", "can't find '[text]'"],
    ["'O'Brien' is", "'[text]' is"],
    ['begins with "Alice Doe', 'begins with "[text]'],
    [`got '{'name':'Alice Doe'}'`, `got '[text]'`],
    ["no token 'hunter2'", 'no token [token]'],
    ['Пароль неверен', '[text] [text]'],
    ['one\r\ntwo\u2028three', 'one two three'],
    ['', ''],
  ])('%j is %j', (message, expected) => {
    expect(scrubMessage(message.replaceAll('\r\n', ' \n'))).toBe(expected.replaceAll('\r\n', '  '));
  });

  it('is bounded, and what was cut in two is left out', () => {
    expect(scrubMessage('word '.repeat(10_000))).toHaveLength(503);
    const text = scrubMessage(`${'x '.repeat(10)}${'a@b.example '.repeat(338)}${'y'.repeat(12)}alice@example.com`);
    expect(text).not.toContain('alice');
    expect(text).not.toContain('yyyy');
    expect(scrubMessage('x'.repeat(10_000))).toBe('');
  });

  it.each([
    '"',
    "'",
    '@',
    ':',
    '=',
    'a:',
    '1.',
    'a.',
    '::',
    'bearer ',
    'cookie ',
    '/?',
    '(',
    '\u200b',
    '\ufdfa',
    '%',
    '\\',
    'authorization"',
  ])('takes a bounded time for many %j', (part) => {
    expect(scrubMessage(part.repeat(1_000_000)).length).toBeLessThanOrEqual(503);
  });
});

it.each([
  ['TypeError', 'TypeError'],
  ['WorkerLost.out-of-memory', 'WorkerLost.out-of-memory'],
  ['alice@example.com', 'Error'],
  ['x'.repeat(65), 'Error'],
  ['a\nb', 'Error'],
])('the name %j is %j', (name, expected) => {
  expect(scrubName(name)).toBe(expected);
});

describe('the frames of a stack', () => {
  const folders = ['/srv/alice/sallyport/packages/'];
  const head = 'Error: no';

  it('are those of our own files, with paths that begin at the package', () => {
    const stack = `${head}
    at Judge.decide (file:///srv/alice/sallyport/packages/gateway/src/exchange/judge.ts:12:34)
    at async file:///srv/alice/sallyport/packages/cli/src/serve.ts:5:6
    at Object.<anonymous> (/srv/alice/sallyport/packages/waf/src/a.ts:7:8)
    at parse (file:///usr/lib/node_modules/@sallyport/waf/dist/b.js:1:2)
    at parse (file:///usr/lib/node_modules/zod/index.js:1:2)
    at parse (file:///srv/alice/sallyport/packages/cli/node_modules/zod/index.js:1:2)
    at parse (file:///srv/alice/elsewhere.ts:1:2)
    at node:internal/main:1:2
    at new Promise (<anonymous>)`;
    expect(
      framesOf(stack, { head, folders }).map((one) => `${one.function} ${one.filename} ${one.lineno} ${one.colno}`),
    ).toEqual([
      'Judge.decide gateway/src/exchange/judge.ts 12 34',
      '<anonymous> cli/src/serve.ts 5 6',
      'Object.<anonymous> waf/src/a.ts 7 8',
      'parse @sallyport/waf/dist/b.js 1 2',
    ]);
  });

  it('are none that a message pretends, nor with names that code has computed', () => {
    const forged = `Error: x\n    at alice (file://${folders[0]}cli/src/a.ts:1:2)`;
    const stack = `${forged}\n    at alice@example.com (file://${folders[0]}cli/src/b.ts:3:4)`;
    expect(framesOf(stack, { head: forged, folders })).toEqual([
      { filename: 'cli/src/b.ts', function: '<anonymous>', lineno: 3, colno: 4, in_app: true },
    ]);
    for (const path of ['../../etc/x', 'cli/a b', 'cli/alice@example.com?x', 'x/'.repeat(20)]) {
      expect(framesOf(`    at f (file://${folders[0]}${path}:1:2)`, { head, folders })).toEqual([]);
    }
  });

  it('are bounded', () => {
    const line = `    at f (file://${folders[0]}cli/src/a.ts:1:2)\n`;
    expect(framesOf(line.repeat(100_000), { head, folders })).toHaveLength(50);
    expect(framesOf(`    at ${'('.repeat(1_000_000)}`, { head, folders })).toEqual([]);
  });
});
