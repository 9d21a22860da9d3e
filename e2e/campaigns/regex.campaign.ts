import { setFlagsFromString } from 'node:v8';
import {
  compile,
  compileSet,
  instantiate,
  instantiateSet,
  type Match,
  type Regex,
  type RegexSet,
  shared,
} from '@sallyport/regex';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { Random, type RandomPattern, randomPattern, randomText } from './regex/random-pattern.ts';

/**
 * Random patterns on random texts: this package against V8 wherever both mean the same, and every engine of this
 * package against every other. One count is one pair of pattern and text.
 */
export const campaign: Campaign = { fullCount: 10_000_000, run };

/** Patterns of one round: they form a set, so that the prefilter has something to tell apart. */
const PATTERNS = 8;
const TEXTS_PER_PATTERN = 6;
/** The smallest cache there is: it is full all the time, which drives the engines through flushes and giving up. */
const TINY_CACHE_BYTES = 1024;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const random = new Random(seed);
  const failures: string[] = [];
  const figures = {
    rounds: 0,
    comparedWithV8: 0,
    matched: 0,
    spansCompared: 0,
    capturesCompared: 0,
    v8Wrong: 0,
    flushes: 0,
  };
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  let count = 0;
  while (count < countMax && failures.length < 20 && process.hrtime.bigint() < end) {
    const round = new Round(random);
    for (const text of round.texts) failures.push(...round.check(text, figures));
    count += round.texts.length * PATTERNS;
    figures.rounds++;
    figures.flushes += round.flushes;
  }
  return { count, failures, figures };
}

interface Figures {
  comparedWithV8: number;
  matched: number;
  spansCompared: number;
  capturesCompared: number;
  /** Texts on which V8 contradicts itself; see `againstV8`. */
  v8Wrong: number;
}

interface Engines {
  readonly random: RandomPattern;
  readonly flags: string;
  readonly v8: { readonly anywhere: RegExp; readonly whole: RegExp };
  readonly automatic: Regex;
  readonly others: readonly Regex[];
}

class Round {
  readonly texts: readonly string[];
  readonly #engines: readonly Engines[];
  readonly #sets: readonly RegexSet[];

  constructor(random: Random) {
    const flags = random.pick(['', '', 'i', 's', 'm', 'im']);
    this.#engines = Array.from({ length: PATTERNS }, () => enginesOf(randomPattern(random, 3), flags));
    const image = compileSet(
      this.#engines.map((engines) => engines.random.pattern),
      { regex: { dialect: 're2', flags } },
    );
    this.#sets = [
      instantiateSet(image),
      instantiateSet(image, { engine: 'prefilter' }),
      instantiateSet(image, { engine: 'filtered' }),
      instantiateSet(image, { engine: 'single' }),
      instantiateSet(image, { cacheBytesMax: TINY_CACHE_BYTES }),
    ];
    this.texts = this.#engines.flatMap((engines) =>
      Array.from({ length: TEXTS_PER_PATTERN }, (_, index) => {
        const around = randomText(random, index < 2 ? 14 : 4);
        return index < 2 ? around : around + engines.random.sample() + randomText(random, 3);
      }),
    );
  }

  get flushes(): number {
    return this.#engines.reduce((sum, { others }) => sum + (others.at(-1)?.flushes ?? 0), 0);
  }

  check(text: string, figures: Figures): string[] {
    const failures: string[] = [];
    const matched: number[] = [];
    for (const [index, engines] of this.#engines.entries()) {
      const { random, automatic } = engines;
      if (automatic.test(text)) matched.push(index);
      if (endsInTime(random, text)) {
        figures.comparedWithV8++;
        figures.spansCompared += random.hasEmptyLoop ? 0 : 1;
        figures.capturesCompared += random.hasEmptyLoop || random.hasLoopedCapture ? 0 : 1;
      }
      const wrong = [...againstV8(engines, text, figures), ...disagreements(engines, text)];
      failures.push(...wrong.map((what) => describe(engines, text, what)));
    }
    figures.matched += matched.length;
    for (const [kind, set] of this.#sets.entries()) {
      const got = set.match(text).join();
      if (got !== matched.join())
        failures.push(`set ${kind} says ${got}, not ${matched.join()}: ${this.#describeAll(text)}`);
    }
    return failures;
  }

  #describeAll(text: string): string {
    return JSON.stringify({
      patterns: this.#engines.map(({ random }) => random.pattern),
      flags: this.#engines[0]?.flags,
      text,
    });
  }
}

function enginesOf(random: RandomPattern, flags: string): Engines {
  const image = compile(random.pattern, { dialect: 're2', flags });
  return {
    random,
    flags,
    v8: v8Of(random.pattern, flags),
    automatic: instantiate(image),
    others: [
      instantiate(image, { engine: 'simulation' }),
      instantiate(shared(image), { cacheBytesMax: TINY_CACHE_BYTES }),
    ],
  };
}

function v8Of(pattern: string, flags: string): Engines['v8'] {
  return { anywhere: new RegExp(pattern, flags), whole: new RegExp(`^(?:${pattern})$`, flags) };
}

/** A repeat in a repeat may take V8 a time exponential in the text. */
const NESTED_TEXT_MAX = 12;

function endsInTime(random: RandomPattern, text: string): boolean {
  return !random.hasNestedRepeat || text.length <= NESTED_TEXT_MAX;
}

/**
 * V8 14.6 optimises some patterns wrongly, one in some ten thousand random ones: they have `$` within alternatives, and
 * with its optimiser off, in its linear engine and in older versions it says what we say. So where we differ V8 is asked
 * again without optimising, and only that answer counts against us.
 */
function againstV8(engines: Engines, text: string, figures: Figures): string[] {
  if (!endsInTime(engines.random, text)) return [];
  const wrong = disagreementsWithV8(engines, text);
  if (wrong.length === 0) return wrong;
  setFlagsFromString('--no-regexp-optimization');
  try {
    // The empty group makes it a pattern that V8 has not compiled yet.
    const v8 = v8Of(`(?:)(?:${engines.random.pattern})`, engines.flags);
    const plain = disagreementsWithV8({ ...engines, v8 }, text);
    if (plain.length === 0) figures.v8Wrong++;
    return plain;
  } finally {
    setFlagsFromString('--regexp-optimization');
  }
}

function disagreementsWithV8({ random, flags, v8, automatic }: Engines, text: string): string[] {
  const wrong: string[] = [];
  const match = automatic.match(text);
  const found = v8.anywhere.exec(text);
  if (automatic.test(text) !== (found !== null)) wrong.push('test differs from V8');
  if ((match !== undefined) !== (found !== null)) wrong.push('match differs from V8 in being there');
  // With multiline V8's ^ and $ of the frame mean lines, ours the text.
  if (!flags.includes('m') && automatic.testWhole(text) !== v8.whole.test(text))
    wrong.push('testWhole differs from V8');
  if (found === null || match === undefined || random.hasEmptyLoop) return wrong;
  if (found.index !== match.start || found[0] !== text.slice(match.start, match.end))
    wrong.push('span differs from V8');
  const groups = match.groups.map((group) => group && text.slice(group.start, group.end));
  if (!random.hasLoopedCapture && JSON.stringify(groups) !== JSON.stringify([...found])) {
    wrong.push(`captures differ from V8: ${JSON.stringify(groups)}`);
  }
  return wrong;
}

function disagreements({ automatic, others }: Engines, text: string): string[] {
  const wrong: string[] = [];
  const all = spansOf(automatic.matchAll(text));
  for (const [index, other] of others.entries()) {
    if (other.test(text) !== automatic.test(text)) wrong.push(`test of engine ${index} differs`);
    if (other.testWhole(text) !== automatic.testWhole(text)) wrong.push(`testWhole of engine ${index} differs`);
    if (spansOf(other.matchAll(text)) !== all) wrong.push(`matchAll of engine ${index} differs`);
  }
  return wrong;
}

function spansOf(matches: Iterable<Match>): string {
  return JSON.stringify([...matches].map(({ groups }) => groups));
}

function describe({ random, flags }: Engines, text: string, what: string): string {
  return `${what}: ${JSON.stringify({ pattern: random.pattern, flags, text })}`;
}
