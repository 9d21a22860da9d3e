import { readFileSync } from 'node:fs';
import { compile, compileSet, instantiate, instantiateSet, type RegexSet, type Subset } from '@sallyport/regex';
import { hostileTexts } from '@sallyport/regex/hostile';
import { dataFolder } from '../conformance/main.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import { type CrsPattern, readCrsPatterns, requestPatterns, toV8 } from './regex/crs-patterns.ts';
import { loadRe2, type Re2Module } from './regex/re2.ts';
import { patternsFor, WORKLOADS } from './regex/workload.ts';

/**
 * The request patterns of CRS paranoia level 1 over benign requests, every pattern only on the values its rule looks
 * at: this package, V8 one by one, V8 behind the prefilter of this package (an Aho-Corasick pass with literals of one
 * byte and more, groups of bytes, and no more than that), and RE2::Set if `re2` is installed. Then single patterns on
 * one megabyte, and hostile texts of eight kilobytes. CPU time of this thread, medians of interleaved rounds.
 */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const compiled = measureCompilation();
  const patterns = requestPatterns(readCrsPatterns(dataFolder()), 1);
  const re2 = await loadRe2();
  if (re2 === undefined) console.log('re2 is not installed: measured without it');
  const requests = Object.fromEntries(
    (['get', 'form', 'json', 'prose'] as const).map((kind) => [kind, measureRequests(patterns, { kind, quick, re2 })]),
  );
  const single = measureSingle(quick, re2);
  const worst = measureWorst(patterns, quick);
  const ratios = ['get', 'form', 'json'].map(
    (kind) => (requests[kind]?.['v8_prefilter'] ?? 0) / (requests[kind]?.['ours'] ?? 1),
  );
  print({ requests, compiled, single, worst });
  return {
    figures: {
      get_us: round(requests['get']?.['ours']),
      form_us: round(requests['form']?.['ours']),
      json_us: round(requests['json']?.['ours']),
      prose_us: round(requests['prose']?.['ours']),
      vs_v8: round(Math.min(...ratios)),
      compile_pl4_ms: round(compiled['pl4_ms']),
      image_pl4_mib: round(compiled['pl4_image_mib']),
      worst_ms_8kb: round(worst['single_ms']),
      worst_set_ms_8kb: round(worst['set_ms']),
    },
    detail: { requests, compiled, single, worst },
  };
}

type Figures = Record<string, number>;

interface Job {
  readonly text: string;
  readonly ids: readonly number[];
  readonly subset: Subset;
}

function measureRequests(
  patterns: readonly CrsPattern[],
  { kind, quick, re2 }: { kind: keyof typeof WORKLOADS; quick: boolean; re2: Re2Module | undefined },
): Figures {
  const sources = patterns.map(({ pattern }) => pattern);
  const set = instantiateSet(compileSet(sources, { regex: { dialect: 'modsecurity' } }));
  const v8 = sources.map(toV8);
  const count = kind === 'get' ? 400 : 120;
  const jobs = Array.from({ length: count }, (_, index) => jobsOf(patterns, set, WORKLOADS[kind](index))).flat();
  checkAgreement(jobs, set, v8);
  const re2Set = re2?.setOf(sources);
  const costs = medians(
    {
      ours: () => jobs.reduce((sum, { text, subset }) => sum + set.match(text, subset).length, 0),
      v8: () => jobs.reduce((sum, { text, ids }) => sum + matchesOf(v8, ids, text), 0),
      v8_prefilter: () =>
        jobs.reduce((sum, { text, subset }) => sum + matchesOf(v8, set.candidates(text, subset), text), 0),
      ...(re2Set === undefined
        ? {}
        : { re2_set: () => jobs.reduce((sum, { text }) => sum + re2Set.match(text).length, 0) }),
    },
    quick,
  );
  const perRequest = Object.fromEntries(Object.entries(costs).map(([name, cost]) => [name, cost / count]));
  return {
    ...perRequest,
    values: jobs.length / count,
    bytes: jobs.reduce((sum, { text }) => sum + text.length, 0) / count,
    evaluations: jobs.reduce((sum, { ids }) => sum + ids.length, 0) / count,
    candidates: jobs.reduce((sum, { text, subset }) => sum + set.candidates(text, subset).length, 0) / count,
  };
}

function jobsOf(patterns: readonly CrsPattern[], set: RegexSet, request: ReturnType<(typeof WORKLOADS)['get']>): Job[] {
  return request.flatMap((value) => {
    const ids = patternsFor(patterns, value);
    if (ids.length === 0) return [];
    const key = ids.join();
    const subset = (subsets.get(set) ?? new Map<string, Subset>()).get(key) ?? set.subset(ids);
    subsets.set(set, (subsets.get(set) ?? new Map<string, Subset>()).set(key, subset));
    return [{ text: value.text, ids, subset }];
  });
}

/** A plan has one subset for each kind of value, not one for each value. */
const subsets = new WeakMap<RegexSet, Map<string, Subset>>();

function matchesOf(expressions: readonly RegExp[], ids: readonly number[], text: string): number {
  let count = 0;
  for (const id of ids) if (expressions[id]?.test(text)) count++;
  return count;
}

/** What is fast must also be right: the same patterns match as with V8. */
function checkAgreement(jobs: readonly Job[], set: RegexSet, v8: readonly RegExp[]): void {
  for (const { text, ids, subset } of jobs) {
    const expected = ids.filter((id) => v8[id]?.test(text)).join();
    const got = set.match(text, subset).join();
    if (got !== expected) throw new Error(`${got} matched where V8 says ${expected}: ${text}`);
  }
}

function measureCompilation(): Figures {
  const patterns = requestPatterns(readCrsPatterns(dataFolder()), 4).map(({ pattern }) => pattern);
  const samples = Array.from({ length: 5 }, () => {
    const start = performance.now();
    compileSet(patterns, { regex: { dialect: 'modsecurity' } });
    return performance.now() - start;
  });
  const image = compileSet(patterns, { regex: { dialect: 'modsecurity' } });
  return { pl4_patterns: patterns.length, pl4_ms: median(samples), pl4_image_mib: bytesOf(image) / 2 ** 20 };
}

function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  return Object.values(value).reduce<number>((sum, part) => sum + bytesOf(part), 0);
}

const SINGLE = [
  ['(?i)select\\s+\\w+\\s+into', ''],
  ['\\b(?:foo|bar|baz)\\d+\\b', ''],
  ['[^a-z]{12}x', ''],
  ['(?:\\d{1,3}\\.){3}\\d{1,3}', ''],
  ['zq[a-z]+x', ''],
] as const;

/** Nanoseconds per byte on one megabyte of prose without a match. */
function measureSingle(quick: boolean, re2: Re2Module | undefined): Record<string, Figures> {
  const text = Array.from({ length: 1100 }, (_, index) => WORKLOADS.prose(index)[0]?.text ?? '')
    .join(' ')
    .slice(0, 1_000_000);
  return Object.fromEntries(
    SINGLE.map(([pattern]) => {
      const ours = instantiate(compile(pattern, { dialect: 're2' }));
      const v8 = toV8(pattern);
      const linear = re2?.one(pattern);
      const costs = medians(
        {
          ours_test: () => Number(ours.test(text)),
          ours_find: () => ours.find(text)?.start ?? 0,
          v8_test: () => Number(v8.test(text)),
          ...(linear === undefined ? {} : { re2_test: () => Number(linear.test(text)) }),
        },
        quick,
      );
      return [
        pattern,
        Object.fromEntries(Object.entries(costs).map(([name, cost]) => [name, (cost * 1000) / text.length])),
      ];
    }),
  );
}

/** The most milliseconds for one hostile text of eight kilobytes, with new automata every time: the best of three. */
function measureWorst(patterns: readonly CrsPattern[], quick: boolean): Figures {
  const worst: Figures = { single_ms: 0, set_ms: 0 };
  const setImage = compileSet(
    patterns.map(({ pattern }) => pattern),
    { regex: { dialect: 'modsecurity' } },
  );
  for (const { pattern } of patterns) {
    const image = compile(pattern, { dialect: 'modsecurity' });
    const texts = hostileTexts(image, 8192).slice(0, quick ? 5 : undefined);
    for (const text of texts) {
      worst['single_ms'] = Math.max(
        worst['single_ms'] ?? 0,
        best(
          () => instantiate(image),
          (one) => one.test(text),
        ),
      );
    }
    for (const text of texts.slice(0, quick ? 1 : 3)) {
      worst['set_ms'] = Math.max(
        worst['set_ms'] ?? 0,
        best(
          () => instantiateSet(setImage),
          (set) => set.match(text),
        ),
      );
    }
  }
  return worst;
}

function best<Engine>(make: () => Engine, act: (engine: Engine) => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3; attempt++) {
    const engine = make();
    // The wall clock: some kernels count a thread's CPU time in whole ticks, too coarse for one call.
    const start = performance.now();
    act(engine);
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

let sink = 0;

/** Microseconds of CPU per call: every subject in turn, so that a busy machine is busy for all of them. */
function medians(subjects: Readonly<Record<string, () => number>>, quick: boolean): Figures {
  const rounds = quick ? 7 : 15;
  const sampleUs = quick ? 60_000 : 150_000;
  const samples = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const start = cpuUs();
      let calls = 0;
      do {
        sink += subject();
        calls++;
      } while (cpuUs() - start < sampleUs);
      // The first round warms up.
      if (round > 0) samples.set(name, [...(samples.get(name) ?? []), (cpuUs() - start) / calls]);
    }
  }
  return Object.fromEntries([...samples].map(([name, values]) => [name, median(values)]));
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.trunc(values.length / 2)] ?? 0;
}

/** CPU time of this thread; the wall clock where the kernel does not tell. */
function cpuUs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1000;
  } catch {
    return performance.now() * 1000;
  }
}

function print({ requests, single, compiled, worst }: Report): void {
  const lines: [string, Figures][] = [
    ...Object.entries(requests),
    ...Object.entries(single),
    ['compile', compiled],
    ['worst', worst],
  ];
  for (const [kind, figures] of lines) {
    const text = Object.entries(figures).map(([name, value]) => `${name}=${round(value)}`);
    console.log(`${kind}: ${text.join(' ')}`);
  }
  // Printed never: it keeps the calls from being optimised away.
  if (Number.isNaN(sink)) console.log(sink);
}

interface Report {
  readonly requests: Record<string, Figures>;
  readonly single: Record<string, Figures>;
  readonly compiled: Figures;
  readonly worst: Figures;
}

function round(value: number | undefined): number {
  return Number((value ?? Number.NaN).toPrecision(3));
}
