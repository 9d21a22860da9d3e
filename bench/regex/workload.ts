import type { CrsPattern } from './crs-patterns.ts';

/** One value of a request, and the variable that it is. */
export interface Value {
  readonly variable: string;
  readonly name: string;
  readonly text: string;
}

/** A request as the values that rules look at. */
export type Request = readonly Value[];

/** The indices of the patterns whose rules look at a variable of this name: `REQUEST_HEADERS` or `REQUEST_HEADERS:Host`. */
export function patternsFor(patterns: readonly CrsPattern[], { variable, name }: Value): number[] {
  const wanted = new Set([variable, `${variable}:${name}`]);
  const refused = new Set([`!${variable}:${name}`]);
  return patterns.flatMap(({ variables }, index) => {
    const isWanted = variables.some((text) => wanted.has(text)) && !variables.some((text) => refused.has(text));
    return isWanted ? [index] : [];
  });
}

/** Different benign requests of one kind, the same ones every time. */
export const WORKLOADS: Readonly<Record<'get' | 'form' | 'json' | 'prose', (index: number) => Request>> = {
  get: (index) => [
    ...requestLine(
      index,
      `/api/v1/${word(index)}/${100 + index}`,
      `page=${index % 9}&q=${word(index + 3)}&sort=created_at`,
    ),
    ...headers(index, []),
    ...args('ARGS_GET', [
      ['page', String(index % 9)],
      ['q', `${word(index + 3)} ${word(index + 7)}`],
      ['sort', 'created_at'],
    ]),
    ...cookies(index),
  ],
  form: (index) => [
    ...requestLine(index, '/account/profile', ''),
    ...headers(index, [['Content-Type', 'application/x-www-form-urlencoded']]),
    ...args('ARGS_POST', [
      ['first_name', name(index)],
      ['last_name', name(index + 11)],
      ['email', `${word(index)}.${word(index + 1)}@example.com`],
      ['phone', `+49 30 ${9_000_000 + index * 7919}`],
      ['street', `${name(index + 5)} Street ${index % 200}`],
      ['city', name(index + 2)],
      ['password', `${word(index + 9)}${index}X7${word(index + 4)}`],
      ['newsletter', index % 2 === 0 ? 'yes' : 'no'],
      ['about', prose(index, 620)],
      ['csrf_token', hex(index, 64)],
    ]),
    ...cookies(index),
  ],
  json: (index) => [
    ...requestLine(index, '/api/v1/events', ''),
    ...headers(index, [['Content-Type', 'application/json']]),
    ...args(
      'ARGS_POST',
      Array.from({ length: 8 }, (_, item): [string, string][] => [
        [`json.items.${item}.id`, hex(index + item, 24)],
        [`json.items.${item}.title`, `${name(index + item)} ${word(index * 3 + item)} ${word(item + 5)}`],
        [`json.items.${item}.count`, String((index * 31 + item * 17) % 1000)],
        [`json.items.${item}.url`, `https://cdn.example.com/${word(item)}/${word(index)}.webp`],
        [`json.items.${item}.note`, prose(index * 13 + item, 70)],
      ]).flat(),
    ),
    ...cookies(index),
  ],
  prose: (index) => args('ARGS_POST', [['comment', prose(index, 1000)]]),
};

const WORDS = [
  'time', 'player', 'house', 'garden', 'select', 'order', 'window', 'market', 'school', 'water', 'from', 'union', 'where',
  'table', 'river', 'little', 'update', 'people', 'number', 'because', 'company', 'system', 'please', 'delete', 'under',
  'nothing', 'perhaps', 'group', 'problem', 'hand', 'place', 'case', 'week', 'point', 'government', 'world', 'about', 'the',
  'and', 'with', 'have', 'this', 'will', 'your', 'that', 'they', 'would', 'there', 'their', 'what', 'could', 'like', 'or',
]; // biome-ignore format: a list of words

function word(index: number): string {
  return WORDS[((Math.imul(index + 1, 0x9e3779b1) >>> 0) % 1009) % WORDS.length] ?? 'time';
}

function name(index: number): string {
  const text = word(index);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Sentences of about so many bytes, with the punctuation that makes rules for shell commands look twice. */
function prose(index: number, length: number): string {
  let text = '';
  for (let at = 0; text.length < length; at++) {
    const sentence = Array.from({ length: 6 + ((index + at) % 7) }, (_, place) => word(index * 29 + at * 11 + place));
    const end = ['. ', ', but ', '; ', '! ', ' (really) ', "? It's ", ' - "well" '][(index + at) % 7] ?? '. ';
    text += (text === '' ? name(index) : '') + sentence.join(' ') + end;
  }
  return text.slice(0, length);
}

function hex(index: number, length: number): string {
  let text = '';
  for (let at = 0; text.length < length; at++) text += (Math.imul(index * 131 + at + 1, 0x9e3779b1) >>> 0).toString(16);
  return text.slice(0, length);
}

function requestLine(index: number, path: string, query: string): Value[] {
  const uri = query === '' ? path : `${path}?${query}`;
  const method = query === '' ? 'POST' : 'GET';
  return [
    { variable: 'REQUEST_LINE', name: '', text: `${method} ${uri} HTTP/1.1` },
    { variable: 'REQUEST_METHOD', name: '', text: method },
    { variable: 'REQUEST_URI', name: '', text: uri },
    { variable: 'REQUEST_URI_RAW', name: '', text: uri },
    { variable: 'REQUEST_FILENAME', name: '', text: path },
    { variable: 'REQUEST_BASENAME', name: '', text: path.slice(path.lastIndexOf('/') + 1) },
    { variable: 'QUERY_STRING', name: '', text: query },
    { variable: 'REQUEST_PROTOCOL', name: '', text: 'HTTP/1.1' },
    { variable: 'UNIQUE_ID', name: '', text: hex(index, 20) },
  ];
}

function headers(index: number, more: readonly (readonly [string, string])[]): Value[] {
  const version = 110 + (index % 30);
  const all: (readonly [string, string])[] = [
    ['Host', 'play.example.com'],
    ['Connection', 'keep-alive'],
    ['sec-ch-ua', `"Chromium";v="${version}", "Not-A.Brand";v="24", "Google Chrome";v="${version}"`],
    ['sec-ch-ua-mobile', '?0'],
    ['sec-ch-ua-platform', '"Linux"'],
    ['Upgrade-Insecure-Requests', '1'],
    [
      'User-Agent',
      `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`,
    ],
    ['Accept', 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
    ['Sec-Fetch-Site', 'same-origin'],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-User', '?1'],
    ['Sec-Fetch-Dest', 'document'],
    ['Referer', `https://play.example.com/${word(index)}`],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['Accept-Language', 'en-GB,en;q=0.9,de;q=0.8'],
    ['Cache-Control', 'max-age=0'],
    ...more,
  ];
  return all.flatMap(([header, text]) => [
    { variable: 'REQUEST_HEADERS', name: header, text },
    { variable: 'REQUEST_HEADERS_NAMES', name: '', text: header },
  ]);
}

function args(method: 'ARGS_GET' | 'ARGS_POST', pairs: readonly (readonly [string, string])[]): Value[] {
  return pairs.flatMap(([key, text]) => [
    { variable: 'ARGS', name: key, text },
    { variable: method, name: key, text },
    { variable: 'ARGS_NAMES', name: '', text: key },
  ]);
}

function cookies(index: number): Value[] {
  const pairs: [string, string][] = [
    ['session', hex(index, 32)],
    ['theme', index % 2 === 0 ? 'dark' : 'light'],
    ['_ga', `GA1.2.${1_000_000 + index}.${1_700_000_000 + index * 3600}`],
  ];
  return pairs.flatMap(([key, text]) => [
    { variable: 'REQUEST_COOKIES', name: key, text },
    { variable: 'REQUEST_COOKIES_NAMES', name: '', text: key },
  ]);
}
