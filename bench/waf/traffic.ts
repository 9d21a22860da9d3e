/**
 * The requests that firewalls are measured with: six kinds, each in several variants, so that no processor and no cache
 * can learn a single one by heart. The same requests on every run. All pass CRS at paranoia level 1 but `attack`.
 */
import { Buffer } from 'node:buffer';
import { hex, name, prose, word } from './words.ts';

/** A request as it is sent, without framing: byte strings and bytes. */
export interface TrafficRequest {
  readonly method: 'GET' | 'POST';
  /** The request target: path and query. */
  readonly target: string;
  /** In the order in which they are sent, Content-Length among them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without a body: undefined. */
  readonly body: Buffer | undefined;
}

export type TrafficKind = 'get' | 'json' | 'form' | 'attack' | 'largeForm' | 'upload';

export interface Traffic {
  readonly kind: TrafficKind;
  /** What is measured, in words. */
  readonly title: string;
  /** What every firewall must answer. */
  readonly status: 200 | 403;
  /** How many different requests there are. */
  readonly variants: number;
  /** One of them. `index` is an integer from 0; only as many as `variants` are different. */
  request(index: number): TrafficRequest;
}

/** The six kinds, in the order in which they are measured and printed. */
export const TRAFFIC: readonly Traffic[] = [
  {
    kind: 'get',
    title: 'GET as a browser sends it: 16 headers, 3 arguments',
    status: 200,
    variants: 64,
    request: (index) => get(`/games/recent?page=${1 + index}&sort=score&q=${word(index)}+${index * 7}`, index),
  },
  {
    kind: 'json',
    title: 'POST of 2 KB JSON with 25 leaves',
    status: 200,
    variants: 64,
    request: (index) => post('/api/v1/matches', 'application/json', Buffer.from(matchJson(index))),
  },
  {
    kind: 'form',
    title: 'POST of a 1 KB form with 13 fields',
    status: 200,
    variants: 64,
    request: (index) => post('/account/profile', FORM, Buffer.from(urlencoded(profileFields(index)))),
  },
  {
    kind: 'attack',
    title: 'GET with SQL injection, refused',
    status: 403,
    variants: 1,
    request: () => get("/?id=1'%20OR%201=1--", 0),
  },
  {
    kind: 'largeForm',
    title: 'POST of a 64 KB form with 40 fields',
    status: 200,
    variants: 8,
    request: (index) => post('/articles', FORM, Buffer.from(urlencoded(articleFields(index)))),
  },
  {
    kind: 'upload',
    title: 'POST of 1 MB multipart: a picture and 4 fields',
    status: 200,
    variants: 4,
    request: (index) => post('/pictures', `multipart/form-data; boundary=${BOUNDARY}`, pictureParts(index)),
  },
];

/** The bytes of a request as HTTP/1.1 sends them. */
export function wireBytes({ method, target, headers, body }: TrafficRequest): Buffer {
  const fields = headers.map(([field, value]) => `${field}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${fields}\r\n`, 'latin1');
  return body === undefined ? head : Buffer.concat([head, body]);
}

const FORM = 'application/x-www-form-urlencoded';
const BOUNDARY = '----WebKitFormBoundary7MA4YWxkTrZu0gW1';

/** Bytes of the whole body of `largeForm` and `upload`. */
const LARGE_FORM_BYTES = 65_536;
const UPLOAD_BYTES = 1_048_576;

function get(target: string, index: number): TrafficRequest {
  return { method: 'GET', target, headers: browserHeaders(index), body: undefined };
}

function browserHeaders(index: number): TrafficRequest['headers'] {
  const version = 120 + (index % 30);
  return [
    ['Host', 'app.example.com'],
    ['Connection', 'keep-alive'],
    ['Cache-Control', 'max-age=0'],
    ['sec-ch-ua', `"Chromium";v="${version}", "Google Chrome";v="${version}", "Not_A Brand";v="99"`],
    ['sec-ch-ua-mobile', '?0'],
    ['sec-ch-ua-platform', '"Linux"'],
    ['Upgrade-Insecure-Requests', '1'],
    ['User-Agent', userAgent(version)],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
    ['Sec-Fetch-Site', 'same-origin'],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-Dest', 'document'],
    ['Referer', `https://app.example.com/games/${word(index)}?page=1`],
    ['Accept-Encoding', 'gzip, deflate, br'],
    ['Accept-Language', 'en-GB,en;q=0.9,de;q=0.8'],
    ['Cookie', `session=${hex(index, 32)}; theme=dark; consent=necessary`],
  ];
}

/** As a script in a page sends it: fewer fields than a navigation has. */
function post(target: string, contentType: string, body: Buffer): TrafficRequest {
  const headers = [
    ['Host', 'app.example.com'],
    ['Connection', 'keep-alive'],
    ['User-Agent', userAgent(142)],
    ['Accept', 'application/json'],
    ['Content-Type', contentType],
    ['Content-Length', String(body.length)],
  ] as const;
  return { method: 'POST', target, headers, body };
}

function userAgent(version: number): string {
  return `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
}

/** 25 leaves: 4 of the match and 3 for each of 7 players. */
function matchJson(index: number): string {
  const players = Array.from({ length: 7 }, (_, place) => ({
    id: hex(index * 7 + place, 24),
    score: (index * 31 + place * 17) % 1000,
    comment: prose(index * 13 + place, 214),
  }));
  const match = { match: hex(index, 24), map: name(index), ranked: index % 2 === 0, seconds: 300 + index };
  return JSON.stringify({ ...match, players });
}

type Fields = readonly (readonly [name: string, value: string])[];

function profileFields(index: number): Fields {
  return [
    ['first_name', name(index)],
    ['last_name', name(index + 11)],
    ['email', `${word(index)}.${word(index + 1)}@example.com`],
    ['phone', `+49 30 ${9_000_000 + index * 7919}`],
    ['street', `${name(index + 5)} Street ${1 + (index % 200)}`],
    ['city', name(index + 2)],
    ['postcode', String(10_000 + index * 13)],
    ['country', 'DE'],
    ['language', 'en-GB'],
    ['newsletter', index % 2 === 0 ? 'yes' : 'no'],
    ['birthday', `19${70 + (index % 30)}-0${1 + (index % 9)}-1${index % 10}`],
    ['about', prose(index, 720)],
    ['csrf_token', hex(index, 64)],
  ];
}

/** An article of half the size, and 39 notes on it. */
function articleFields(index: number): Fields {
  const notes = Array.from({ length: 38 }, (_, place) => [`note_${place}`, prose(index * 41 + place, 640)] as const);
  const start = [['title', `${name(index)} ${word(index + 1)}`] as const, ...notes];
  const articleBytes = LARGE_FORM_BYTES - urlencoded([...start, ['article', '']]).length;
  // Encoding makes some characters longer: cut what is too much, at the end, and not within an escape.
  const article = encode(prose(index, articleBytes)).slice(0, articleBytes).replace(/%.?$/, '');
  return [...start, ['article', decodeURIComponent(article.replaceAll('+', ' '))]];
}

function urlencoded(fields: Fields): string {
  return fields.map(([field, value]) => `${field}=${encode(value)}`).join('&');
}

function encode(value: string): string {
  return encodeURIComponent(value).replaceAll('%20', '+');
}

function pictureParts(index: number): Buffer {
  const fields: Fields = [
    ['title', `${name(index)} ${word(index + 3)}`],
    ['album', word(index + 7)],
    ['description', prose(index, 300)],
    ['csrf_token', hex(index, 64)],
  ];
  const parts = fields.map(([field, value]) => part(`name="${field}"`, value)).join('');
  const type = 'Content-Type: image/jpeg\r\n';
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="picture.jpg"\r\n${type}\r\n`;
  const start = Buffer.from(parts + head, 'latin1');
  const end = Buffer.from(`\r\n--${BOUNDARY}--\r\n`, 'latin1');
  return Buffer.concat([start, noise(index, UPLOAD_BYTES - start.length - end.length), end]);
}

function part(disposition: string, value: string): string {
  return `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;
}

/** What compressed pictures look like: bytes without any order. */
function noise(index: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = index + 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}
