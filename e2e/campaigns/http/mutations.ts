import type { Random } from './random.ts';
import { type Draft, written } from './valid-request.ts';

/** Changes one thing about a request that is still in pieces. */
export function mutateDraft(random: Random, draft: Draft): void {
  const mutation = random.pick(MUTATIONS);
  mutation(random, draft);
}

/** Changes a few bytes or lines of what would have been sent. */
export function mutateBytes(random: Random, bytes: string): string {
  let text = bytes;
  for (let count = 1 + random.below(3); count > 0; count -= 1) text = random.pick(BYTE_MUTATIONS)(random, text);
  return text;
}

type Mutation = (random: Random, draft: Draft) => void;

/** Puts a line at a random place among the others. */
function insert(random: Random, draft: Draft, line: string): void {
  draft.lines.splice(random.below(draft.lines.length + 1), 0, line);
}

function oneOf(...lines: readonly [string, ...string[]]): Mutation {
  return (random, draft) => insert(random, draft, random.pick(lines));
}

/** Replaces a random line by what `change` makes of it. */
function changed(change: (random: Random, line: string) => string): Mutation {
  return (random, draft) => {
    const index = random.below(draft.lines.length);
    draft.lines[index] = change(random, draft.lines[index] ?? '');
  };
}

function replaced(pattern: RegExp, replacements: readonly [string, ...string[]]): Mutation {
  return (random, draft) => {
    draft.body = draft.body.replace(pattern, () => random.pick(replacements));
  };
}

const framing: readonly [Mutation, ...Mutation[]] = [
  oneOf('Content-Length: 0', 'Content-Length: 5', 'Content-Length: 30', 'content-length:3'),
  oneOf(
    'Content-Length: +5',
    'Content-Length: -1',
    'Content-Length: 0x5',
    'Content-Length: 5,5',
    'Content-Length: 5 5',
  ),
  oneOf(
    'Content-Length:',
    'Content-Length: 5;',
    'Content-Length: 1e1',
    'Content-Length: 99999999999999999999',
    'Content-Length: 05',
  ),
  oneOf(
    'Transfer-Encoding: chunked',
    'transfer-encoding: CHUNKED',
    'Transfer-Encoding:\tchunked',
    'Transfer-Encoding: chunked ',
  ),
  oneOf(
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: gzip, chunked',
  ),
  oneOf(
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding:',
    'Transfer-Encoding: ,chunked',
    'Transfer-Encoding: chunked,',
  ),
  oneOf(
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding: chunked\x00',
    'Transfer-Encoding\t: chunked',
    'Transfer-Encoding : chunked',
  ),
  oneOf(
    'Transfer_Encoding: chunked',
    'Content_Length: 5',
    'Content-Length\x00: 5',
    'X: y\rTransfer-Encoding: chunked',
    'X: y\nContent-Length: 5',
  ),
  (_, draft) => {
    draft.version = 'HTTP/1.0';
  },
  (random, draft) => {
    draft.lines = draft.lines.map((line) =>
      line.replace(
        /^(content-length:\s*)(\d+)/i,
        (_, name: string, value: string) => `${name}${Number(value) + random.pick([1, -1, 5, 40])}`,
      ),
    );
  },
  (_, draft) => {
    draft.lines = draft.lines.filter((line) => !/^(?:content-length|transfer-encoding)/i.test(line));
  },
];

const chunks: readonly [Mutation, ...Mutation[]] = [
  replaced(/^[0-9a-f]+/i, [
    '0x5',
    '+5',
    '-1',
    ' 5',
    '5 ',
    '5\t',
    '',
    'g',
    '10000000000000000',
    'ffffffffffffffff',
    '05',
  ]),
  replaced(/^[0-9a-f]+/i, ['5;a\n', '5;a\rb', '5;\x00', '5;a="', '5;;', '5; a = b', `5;${'a'.repeat(300)}`, '5,5']),
  replaced(/\r\n/, ['\n', '\r', '', '\r\n\r\n', '\r\r\n', '\n\r', ' \r\n']),
  replaced(/\r\n0[^\r]*\r\n/, ['\r\n0\n', '\r\n0\r\n\r\n0\r\n', '0\r\n', '\r\n00x\r\n', '\r\n0 \r\n', '\r\n']),
  replaced(/\r\n\r\n$/, [
    '\r\n',
    '',
    '\r\nX: y\r\n',
    '\r\nContent-Length: 5\r\n\r\n',
    '\r\n: x\r\n\r\n',
    '\r\n X: y\r\n\r\n',
    '\n\n',
  ]),
];

const fields: readonly [Mutation, ...Mutation[]] = [
  changed((_, line) => line.replace(':', ' :')),
  changed((random, line) => line.replace(/:\s*/, random.pick([':\r\n ', ': a\r\n\t', ':\n ']))),
  changed((_, line) => ` ${line}`),
  changed((_, line) => line.replace(':', '')),
  changed((random, line) =>
    line.replace(/^[^:]*/, random.pick(['', 'X Y', 'X\x01', 'X\x80', '"X"', 'X(', '__proto__', 'constructor'])),
  ),
  changed((random, line) => `${line}${random.pick(['\0', '\x01', '\x7f', '\r', '\n', '\x0b', '\xff'])}`),
  changed((_, line) => line.toUpperCase()),
  (random, draft) => insert(random, draft, draft.lines[random.below(draft.lines.length)] ?? ''),
  (random, draft) => insert(random, draft, `X-Long: ${'a'.repeat(random.pick([7_000, 16_000, 17_000]))}`),
  (random, draft) => {
    for (let count = random.pick([90, 120, 250]); count > 0; count -= 1) insert(random, draft, `X-Many: ${count}`);
  },
  oneOf(
    'X_Forwarded_For: 6.6.6.6',
    'CF_Connecting_IP: 6.6.6.6',
    'X-Forwarded_For: 6.6.6.6',
    'x_real_ip: 6.6.6.6',
    'Sallyport_User: x',
  ),
  oneOf(
    'Host: b.example',
    'Host:',
    'HOST: a.example',
    'Host: a.example@b',
    'Host: a.example, b.example',
    'Host: a b',
    'host\t: a',
  ),
  (_, draft) => {
    draft.lines = draft.lines.filter((line) => !/^host/i.test(line));
  },
  oneOf(
    'Connection: close',
    'Connection: X-Own',
    'Connection: close, Host',
    'Connection: upgrade',
    'Connection: keep-alive, TE',
    'Connection: ,',
  ),
  oneOf(
    'Connection: Upgrade\r\nUpgrade: websocket',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ',
  ),
  oneOf(
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ),
  oneOf('Expect: 100-continue', 'Expect: 100-Continue', 'Expect: 200-ok', 'Expect:', 'Expect: 100-continue, x'),
  oneOf(
    'X-Request-Id: chosen-by-client',
    'X-Request-Id: a b',
    'X-Request-Id: \xff\xff\xff\xff\xff\xff\xff\xff',
    'X-Request-Id:',
  ),
  oneOf(
    'Authorization: a\r\nAuthorization: b',
    'Origin: a\r\nOrigin: a',
    'Content-Type: text/plain',
    'Accept: text/html',
  ),
];

const places: readonly [Mutation, ...Mutation[]] = [
  (random, draft) => {
    draft.method = random.pick([
      'get',
      'GE',
      'GETT',
      'CONNECT',
      'TRACE',
      'PROPFIND',
      'PRI',
      'M-SEARCH',
      'G ET',
      '',
      'GET\t',
      '\r\nGET',
      ' GET',
    ]);
  },
  (random, draft) => {
    draft.version = random.pick([
      'HTTP/1.2',
      'HTTP/2.0',
      'HTTP/0.9',
      'HTTP/1.10',
      'http/1.1',
      'HTTP/1.1 ',
      'HTTP/1.',
      '',
      'HTTP/1.1\r',
      'RTSP/1.0',
    ]);
  },
  (random, draft) => {
    const host = /^host:\s*(\S*)/i.exec(draft.lines.find((line) => /^host/i.test(line)) ?? '')?.[1] ?? 'a.example';
    const authority = random.pick([host, host, 'evil.example', `u@${host}`, '', `${host}:99`, `${host}\\`]);
    draft.target = `${random.pick(['http', 'https', 'HTTP', 'ftp', 'ws'])}://${authority}${draft.target}`;
  },
  (random, draft) => {
    draft.target = random.pick([
      '*',
      'a.example:443',
      '',
      '#',
      '/#',
      '/a#b',
      '?a',
      'a',
      '\\',
      '/a\\b',
      '//evil.example/',
      '/ /',
      '/\t',
      '/\x01',
      '/\xe4',
    ]);
  },
  (random, draft) => {
    const tail = random.pick([
      '/..',
      '/../..',
      '/..;/x',
      '/.;/',
      '/%2e%2e/%2e%2e',
      '/%00',
      '/%',
      '/%zz',
      '/%2f',
      '/%5c..',
      '/%c0%ae',
      '%0d%0a',
    ]);
    draft.target = draft.target.replace(/\?|$/, (mark) => `${tail}${mark}`);
  },
  (_, draft) => {
    draft.target = `/${'a'.repeat(9_000)}`;
  },
  (_, draft) => {
    draft.target = ` ${draft.target}`;
  },
];

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (random, draft) => random.pick(framing)(random, draft),
  (random, draft) => random.pick(chunks)(random, draft),
  (random, draft) => random.pick(fields)(random, draft),
  (random, draft) => random.pick(places)(random, draft),
  (random, draft) => {
    // A whole request where its body should be.
    draft.body = written({ ...draft, lines: [...draft.lines] }).slice(0, random.below(300));
  },
];

const SPECIAL = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '\x7f',
  '\x80',
  '\xff',
  '0',
  '"',
  '\\',
  '\x0b',
  '\r\n\r\n',
  '%',
] as const;

const BYTE_MUTATIONS: readonly [
  (random: Random, text: string) => string,
  ...((random: Random, text: string) => string)[],
] = [
  (random, text) => spliced(random, text, 1, String.fromCharCode(random.below(256))),
  (random, text) => spliced(random, text, 0, random.pick(SPECIAL)),
  (random, text) => spliced(random, text, 1, random.pick(SPECIAL)),
  (random, text) => spliced(random, text, 1 + random.below(4), ''),
  (random, text) => text.slice(0, random.below(text.length + 1)),
  (random, text) => {
    const from = random.below(text.length);
    return spliced(random, text, 0, text.slice(from, from + random.below(60)));
  },
  (random, text) => {
    const breaks = [...text.matchAll(/\r\n/g)].map(({ index }) => index);
    const at = breaks[random.below(breaks.length)] ?? 0;
    return (
      text.slice(0, at) + random.pick(['\n', '\r', '', '\r\n\r\n', '\r\n ', '\r\r\n', '\0\r\n']) + text.slice(at + 2)
    );
  },
];

/** Replaces `length` characters at a random place. */
function spliced(random: Random, text: string, length: number, by: string): string {
  const at = random.below(text.length);
  return text.slice(0, at) + by + text.slice(at + length);
}
