import type { Random } from './random.ts';

/** A request as its pieces, so that a mutation can change one of them and leave the rest as it is. */
export interface Draft {
  method: string;
  target: string;
  version: string;
  /** Whole lines without their ends. */
  lines: string[];
  /** Everything behind the empty line. */
  body: string;
  readonly expected: Expected;
}

/** What has to reach the upstream, worked out while the request was written and not by reading it. */
export interface Expected {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  /** End-to-end fields, in their order. */
  readonly kept: readonly string[];
}

export function written({ method, target, version, lines, body }: Draft): string {
  return `${method} ${target} ${version}\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** A request that must be answered by the upstream. `isLast`: nothing follows on its connection, which may close. */
export function validRequest(random: Random, isLast: boolean): Draft {
  const method = random.pick([
    'GET',
    'GET',
    'GET',
    'HEAD',
    'POST',
    'POST',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
  ]);
  const hasBody = method !== 'GET' && method !== 'HEAD' && !random.once(4);
  const isChunked = hasBody && random.once(2);
  const version = isLast && !isChunked && random.once(10) ? 'HTTP/1.0' : 'HTTP/1.1';
  const { target, normal } = targetOf(random);
  const content = hasBody ? bodyOf(random) : '';
  const own = Array.from({ length: random.below(4) }, (_, index) => ownField(random, index));
  const lines = own.map(([name, value]) => fieldLine(random, name, value));
  lines.splice(random.below(lines.length + 1), 0, fieldLine(random, 'host', random.pick(HOSTS)));
  for (let count = random.below(4); count > 0; count -= 1) lines.push(random.pick(HARMLESS));
  if (hasBody) lines.push(isChunked ? random.pick(CHUNKED) : fieldLine(random, 'content-length', `${content.length}`));
  if (isLast && random.once(6)) lines.push('Connection: close');
  const kept = own.map(([name, value]) => `${name}: ${value}`);
  const body = isChunked ? chunked(random, content) : content;
  return { method, target, version, lines, body, expected: { method, target: normal, body: content, kept } };
}

const HOSTS = ['a.example', 'a.example', 'A.Example.', 'a.example:8080', '127.0.0.1', '[::1]:80'] as const;
const CHUNKED = ['Transfer-Encoding: chunked', 'transfer-encoding:chunked', 'TRANSFER-ENCODING: Chunked  '] as const;

/** Fields that change nothing about where a request ends, and of which no one arrives. */
const HARMLESS = [
  'X-Forwarded-For: 6.6.6.6',
  'x-forwarded-host: evil.example',
  'CF-Connecting-IP: 6.6.6.6',
  'Forwarded: for=6.6.6.6;host=evil.example',
  'X-Real-IP: 6.6.6.6',
  'X-Original-URL: /admin',
  'X-Middleware-Subrequest: middleware',
  'Via: 1.0 evil',
  'TE: trailers',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'Proxy-Authorization: Basic eA==',
  'Sallyport-User: root',
  'Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  'Upgrade: h2c',
] as const;

/** A field that nobody knows must arrive, with its value and in its place. */
function ownField(random: Random, index: number): readonly [string, string] {
  const name = `x-own-${index}${random.text(LETTERS, random.below(5)).toLowerCase()}`;
  const value = random.text(`${LETTERS}!"#$%&'()*+,-./:;<=>?@[]^_\`{|}~ \t\xe4\xff`, random.below(20));
  return [name, value.trim()];
}

/** The same field, spelled as clients may spell it. */
function fieldLine(random: Random, name: string, value: string): string {
  const spelled = random.pick([name, name.toUpperCase(), name.replace(/^./, (first) => first.toUpperCase())]);
  // Tabs are white space, too, but nginx takes them for a part of the value: with many of them there is little to compare.
  const before = random.once(24) ? '\t' : random.pick([' ', ' ', '', '  ']);
  const after = random.once(24) ? '\t' : random.pick(['', '', ' ']);
  return `${spelled}:${before}${value}${after}`;
}

/** A target in one of its spellings, and the normal one. */
function targetOf(random: Random): { target: string; normal: string } {
  const segments = Array.from({ length: random.below(4) }, () =>
    random.text(`${LETTERS}-_~!$&'()*+,=:@`, 1 + random.below(6)),
  );
  const query = random.pick(['', '', '?', `?q=${random.text(`${LETTERS}/.?&=%<>`, random.below(12))}`]);
  const spelled = segments.map((segment) => `${random.pick(DETOURS)}${disguised(random, segment)}`);
  const isFolder = segments.length > 0 && random.once(3);
  const normal = `/${segments.join('/')}${isFolder ? '/' : ''}`;
  const target =
    segments.length === 0 ? '/' : `/${spelled.join('/')}${isFolder ? random.pick(['/', '//', '/.', '/./']) : ''}`;
  return { target: target + query, normal: normal + query };
}

/** What may stand before a segment without meaning anything. */
const DETOURS = ['', '', '', '', '/', './', './/', 'x/../', '%2e/', 'y/%2E%2e/'] as const;

/** Some letters as percent-escapes, which are the same letters (RFC 3986 §6.2.2.2). */
function disguised(random: Random, segment: string): string {
  return segment.replaceAll(/[A-Za-z0-9~_-]/g, (letter) => {
    if (!random.once(6)) return letter;
    const hex = letter.charCodeAt(0).toString(16);
    return `%${random.once(2) ? hex : hex.toUpperCase()}`;
  });
}

/** Bodies that look like what follows a body are the ones that matter. */
function bodyOf(random: Random): string {
  const hidden = 'GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n';
  switch (random.below(6)) {
    case 0:
      return hidden;
    case 1:
      return `0\r\n\r\n${hidden}`;
    case 2:
      return random.text('\r\n\0 :0aG', random.below(200));
    case 3:
      return random.text('\x00\x7f\x80\xff\r\nxyz', 1 + random.below(5_000));
    default:
      return random.text(LETTERS, random.below(40));
  }
}

function chunked(random: Random, content: string): string {
  let text = '';
  for (let at = 0; at < content.length; ) {
    const chunk = content.slice(at, at + 1 + random.below(content.length));
    text += `${sizeOf(random, chunk.length)}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  const trailer = random.once(6)
    ? random.pick(['X-Trailer: a\r\n', 'X-Forwarded-For: 6.6.6.6\r\n', 'a:\r\nb: c\r\n'])
    : '';
  return `${text}${random.pick(['0', '0', '00', '0;last'])}\r\n${trailer}\r\n`;
}

function sizeOf(random: Random, size: number): string {
  const hex = size.toString(16);
  const spelled = random.pick([hex, hex, hex.toUpperCase(), `0${hex}`, `000${hex}`]);
  return spelled + random.pick(['', '', '', ';a', ';a=b', ';a="b c"', ';a=b;c=d']);
}
