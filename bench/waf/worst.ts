/**
 * The most processor time that one request can be made to cost, in a process of its own.
 *
 * The texts are generated from the patterns of the rules themselves (`hostileTexts` of packages/regex), and travel as one
 * value of eight kilobytes and as bodies as large as may be, in every format. All run once at the highest paranoia level;
 * the worst of them run again at every level, in turn, so that what one fills in caches another throws out, and of each
 * the least of three is taken: neighbours on the machine make things slower, never faster.
 */
import { Buffer } from 'node:buffer';
import { compile } from '@sallyport/regex';
import { hostileTexts } from '@sallyport/regex/hostile';
import type { Waf } from '@sallyport/waf';
import { answerLines } from '../harness/line-process.ts';
import { readCrsPatterns, requestPatterns } from '../regex/crs-patterns.ts';
import { judge } from './judge.ts';
import { BODY_BYTES_MAX, crsWaf, type ParanoiaLevel } from './rules.ts';
import type { TrafficRequest } from './traffic.ts';

export interface WorstJob {
  /** How long the search at the highest level may take, in milliseconds. */
  readonly searchMs: number;
}

export interface Worst {
  readonly level: ParanoiaLevel;
  /** Among single values of eight kilobytes, and among bodies of the largest size. */
  readonly valueMs: number;
  readonly bodyMs: number;
  /** What it was, in words. */
  readonly value: string;
  readonly body: string;
  /** Requests of the worst that were refused because the step budget was used up. */
  readonly overBudget: number;
}

export interface WorstDone {
  readonly levels: readonly Worst[];
  /** Requests tried, and those that there would have been. */
  readonly tried: number;
  readonly of: number;
}

interface Candidate {
  readonly what: string;
  readonly isBody: boolean;
  request(): TrafficRequest;
}

const LEVELS: readonly ParanoiaLevel[] = [4, 3, 2, 1];
const VALUE_BYTES = 8_192;

/** Candidates of each kind that run again at every level, and how often. */
const WORST_KEPT = 12;
const REPEATS = 3;

/** Patterns whose texts also fill whole bodies: those that cost most as a value. */
const BODY_TEXTS = 8;

const [dataFolder = ''] = process.argv.slice(2);

async function search({ searchMs }: WorstJob): Promise<WorstDone> {
  const highest = crsWaf(dataFolder, 4);
  const values = shuffled(valueCandidates());
  const valuesTried = tryAll(highest, values, searchMs / 2);
  const texts = valuesTried.ranked.slice(0, BODY_TEXTS).flatMap(({ candidate }) => textOf(candidate));
  const bodies = shuffled(bodyCandidates(texts));
  const bodiesTried = tryAll(highest, bodies, searchMs / 2);
  const again = [valuesTried, bodiesTried].flatMap(({ ranked }) =>
    ranked.slice(0, WORST_KEPT).map(({ candidate }) => candidate),
  );
  return {
    levels: LEVELS.map((level) => repeat(level === 4 ? highest : crsWaf(dataFolder, level), level, again)),
    tried: valuesTried.ranked.length + bodiesTried.ranked.length,
    of: values.length + bodies.length,
  };
}

interface Ranked {
  readonly candidate: Candidate;
  readonly ms: number;
}

function tryAll(waf: Waf, candidates: readonly Candidate[], searchMs: number): { ranked: readonly Ranked[] } {
  const endMs = performance.now() + searchMs;
  const ranked: Ranked[] = [];
  for (const candidate of candidates) {
    if (performance.now() > endMs) break;
    ranked.push({ candidate, ms: cost(waf, candidate.request()).ms });
  }
  return { ranked: ranked.toSorted((left, right) => right.ms - left.ms) };
}

function repeat(waf: Waf, level: ParanoiaLevel, candidates: readonly Candidate[]): Worst {
  const least = new Map<Candidate, number>();
  let overBudget = 0;
  for (let round = 0; round < REPEATS; round += 1) {
    for (const candidate of candidates) {
      const { ms, isOverBudget } = cost(waf, candidate.request());
      least.set(candidate, Math.min(least.get(candidate) ?? Number.POSITIVE_INFINITY, ms));
      if (round === 0 && isOverBudget) overBudget += 1;
    }
  }
  const worstOf = (isBody: boolean): readonly [string, number] => {
    const all = [...least].filter(([candidate]) => candidate.isBody === isBody);
    const [worst] = all.toSorted(([, left], [, right]) => right - left);
    return worst === undefined ? ['nothing', 0] : [worst[0].what, worst[1]];
  };
  const [value, valueMs] = worstOf(false);
  const [body, bodyMs] = worstOf(true);
  return { level, valueMs, bodyMs, value, body, overBudget };
}

function cost(waf: Waf, request: TrafficRequest): { ms: number; isOverBudget: boolean } {
  const before = process.threadCpuUsage();
  const { interruption } = judge(waf, request);
  const { user, system } = process.threadCpuUsage(before);
  return { ms: (user + system) / 1_000, isOverBudget: interruption?.cause === 'stepBudget' };
}

const textOfCandidate = new WeakMap<Candidate, { text: string; rule: string }>();

function textOf(candidate: Candidate): readonly { text: string; rule: string }[] {
  const found = textOfCandidate.get(candidate);
  return found === undefined ? [] : [found];
}

function valueCandidates(): readonly Candidate[] {
  return requestPatterns(readCrsPatterns(dataFolder), 4).flatMap(({ pattern, rule }) =>
    hostileTexts(compile(pattern, { dialect: 'modsecurity' }), VALUE_BYTES).map((text, index) => {
      const what = `text ${index} of rule ${rule} as a field of a form`;
      const candidate = { what, isBody: false, request: () => form([['a', text]]) };
      textOfCandidate.set(candidate, { text, rule });
      return candidate;
    }),
  );
}

function bodyCandidates(texts: readonly { text: string; rule: string }[]): readonly Candidate[] {
  const hostile = texts.flatMap(({ text, rule }) =>
    Object.entries(BODIES).map(([format, make]) => ({
      what: `a body of text for rule ${rule} as ${format}`,
      isBody: true,
      request: () => make(text),
    })),
  );
  const structural = Object.entries(STRUCTURES).map(([what, make]) => ({ what, isBody: true, request: make }));
  return [...hostile, ...structural];
}

/** Bytes of a body for values: what the framing of each format needs stays free. */
const FILL_BYTES = BODY_BYTES_MAX - 1_024;

/** One text, repeated until the body is full, in every format; `parts` in as many values as are allowed. */
const BODIES: Readonly<Record<string, (text: string) => TrafficRequest>> = {
  'one field of a form': (text) => form([['a', filled(text)]]),
  'fields of a form': (text) =>
    form(Array.from({ length: 900 }, (_, at) => [`a${at}`, filled(text, FILL_BYTES / 900)])),
  'a string in JSON': (text) => body('application/json', JSON.stringify({ a: filled(text) })),
  'strings in JSON': (text) =>
    body('application/json', JSON.stringify(Array.from({ length: 900 }, () => filled(text, FILL_BYTES / 1_000)))),
  'text in XML': (text) => body('application/xml', `<a>${filled(text).replaceAll(/[<&\p{Cc}]/gu, ' ')}</a>`),
  'a field of multipart': (text) => body(MULTIPART, `--b\r\n${disposition('a')}${filled(text)}\r\n--b--\r\n`),
  'a name in multipart': (text) =>
    body(MULTIPART, `--b\r\n${disposition(filled(text, 4_096).replaceAll(/[\r\n"]/g, ' '))}x\r\n--b--\r\n`),
};

/** Bodies that are hard on parsers and transformations rather than on patterns. */
const STRUCTURES: Readonly<Record<string, () => TrafficRequest>> = {
  'nested arrays in JSON': () => body('application/json', '['.repeat(FILL_BYTES / 2) + ']'.repeat(FILL_BYTES / 2)),
  'many numbers in JSON': () => body('application/json', `[${'1,'.repeat(FILL_BYTES / 2)}1]`),
  'nested elements in XML': () => body('application/xml', '<a>'.repeat(FILL_BYTES / 7) + '</a>'.repeat(FILL_BYTES / 7)),
  'many attributes in XML': () => body('application/xml', `<a ${'b="1" '.repeat(FILL_BYTES / 7)}/>`),
  'many fields of a form': () => body(FORM, 'a=1&'.repeat(FILL_BYTES / 4)),
  'escapes in a form': () => body(FORM, `a=${'%25'.repeat(FILL_BYTES / 3)}`),
  'wide escapes in a form': () => body(FORM, `a=${'%u0027'.repeat(FILL_BYTES / 6)}`),
  'entities in a form': () => body(FORM, `a=${'%26%23x27;'.repeat(FILL_BYTES / 10)}`),
  'comments in a form': () => body(FORM, `a=${'/*'.repeat(FILL_BYTES / 2)}`),
  'backslashes in a form': () => body(FORM, `a=${'\\'.repeat(FILL_BYTES)}`),
  'paths in a form': () => body(FORM, `a=${'/./../'.repeat(FILL_BYTES / 6)}`),
  'tags in a form': () => body(FORM, `a=${'<a '.repeat(FILL_BYTES / 3)}`),
  'quotes in a form': () => body(FORM, `a=${"'1 ".repeat(FILL_BYTES / 3)}`),
  'many parts': () => body(MULTIPART, `--b\r\n${disposition('a')}x\r\n`.repeat(FILL_BYTES / 60)),
  'lines like boundaries': () => body(MULTIPART, `--b\r\n${disposition('a')}${'\r\n--'.repeat(FILL_BYTES / 4)}`),
};

const FORM = 'application/x-www-form-urlencoded';
const MULTIPART = 'multipart/form-data; boundary=b';

function disposition(name: string): string {
  return `Content-Disposition: form-data; name="${name}"\r\n\r\n`;
}

function form(fields: readonly (readonly [name: string, text: string])[]): TrafficRequest {
  return body(FORM, fields.map(([name, text]) => `${name}=${escaped(text)}`).join('&'));
}

/** Only what has a meaning in a form, so that as much as possible of the text fits. */
function escaped(text: string): string {
  return text.replaceAll(/[%&+;=#\0-\x20\x7f-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function body(contentType: string, text: string): TrafficRequest {
  const bytes = Buffer.from(text, 'latin1').subarray(0, BODY_BYTES_MAX);
  const headers = [
    ['Host', 'app.example.com'],
    ['User-Agent', 'bench'],
    ['Accept', '*/*'],
    ['Content-Type', contentType],
    ['Content-Length', String(bytes.length)],
  ] as const;
  return { method: 'POST', target: '/', headers, body: bytes };
}

function filled(text: string, length: number = FILL_BYTES): string {
  return text.repeat(Math.ceil(length / text.length)).slice(0, length);
}

/** In another order, the same one every time: a search that ends early has then seen something of everything. */
function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  let state = 1;
  const keyed = items.map((item) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return [state, item] as const;
  });
  return keyed.toSorted(([left], [right]) => left - right).map(([, item]) => item);
}

await answerLines((line) => {
  const job: WorstJob = JSON.parse(line);
  return search(job);
});
