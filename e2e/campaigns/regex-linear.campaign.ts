import { compile, instantiate, type RegexImage } from '@sallyport/regex';
import { hostileTexts } from '@sallyport/regex/hostile';
import { readCrsPatterns } from '../../bench/regex/crs-patterns.ts';
import { dataFolder } from '../../conformance/main.ts';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';

/**
 * Every pattern of CRS 4.29, of all phases and paranoia levels, on hostile texts made from itself: its steps at most
 * double (and a little) when the text doubles, with a cold and with a small cache. One count is one pattern with one
 * kind of text at all lengths, which end at one megabyte in the full campaign and at 32 KiB in a short one.
 */
export const campaign: Campaign = { fullCount: 6_000, run };

const LENGTH_FIRST = 2048;
const LENGTH_LAST = 1 << 20;
const LENGTH_LAST_SHORT = 1 << 15;
/** A campaign with fewer seconds is a short one. */
const SECONDS_LONG = 600;

/** Hostile texts are repeated from here on, so that each further part of a text is as hard as those before it. */
const PERIOD = 512;

/** What doubling may cost, over the whole range. */
const GROWTH_MAX = 2.2;

/**
 * What doubling twice may cost. One doubling says little, because an engine may give way to the next one within it. Whatever
 * grows faster than linearly goes on growing: a square costs 16 here, a power of 1.4 costs 7.
 */
const GROWTH_TWICE_MAX = 6.6;

/**
 * Up to here a byte is cheap, whatever the text was before: a text whose first part lacks what every match contains
 * costs one step per byte, and the automaton begins its work only where that turns up.
 */
const CHEAP_STEPS_PER_BYTE = 8;

/**
 * A pattern visits each of its instructions at most once for a byte, whatever the text and however long it is. This holds for
 * texts that become hard at some place as well, of which growth says nothing.
 */
const STEPS_PER_BYTE_AND_INSTRUCTION = 1;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const sources = [...new Set(readCrsPatterns(dataFolder()).map(({ pattern }) => pattern))];
  const lengthLast = secondsMax >= SECONDS_LONG ? LENGTH_LAST : LENGTH_LAST_SHORT;
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  const failures: string[] = [];
  const figures = {
    patterns: sources.length,
    lengthLast,
    growthMax: 0,
    growthTwiceMax: 0,
    stepsPerByteMax: 0,
    matched: 0,
  };
  let count = 0;
  for (let round = 0; count < countMax; round++) {
    for (const pattern of sources) {
      if (process.hrtime.bigint() > end || count >= countMax || failures.length >= 20)
        return { count, failures, figures };
      count++;
      const row = grow(pattern, { seed: seed + round, kind: round, lengthLast });
      figures.matched += row.isMatch ? 1 : 0;
      figures.growthMax = Math.max(figures.growthMax, Number(row.growth.toFixed(2)));
      figures.growthTwiceMax = Math.max(figures.growthTwiceMax, Number(row.growthTwice.toFixed(2)));
      figures.stepsPerByteMax = Math.max(figures.stepsPerByteMax, Math.trunc(row.stepsPerByte));
      failures.push(...row.failures);
    }
  }
  return { count, failures, figures };
}

interface Row {
  readonly isMatch: boolean;
  /** Growth per doubling over the whole range. */
  readonly growth: number;
  readonly growthTwice: number;
  readonly stepsPerByte: number;
  readonly failures: readonly string[];
}

function grow(pattern: string, { seed, kind, lengthLast }: { seed: number; kind: number; lengthLast: number }): Row {
  const image = compile(pattern, { dialect: 'modsecurity' });
  const instructions = image.program.code.length / 3;
  const texts = hostileTexts(image, LENGTH_LAST_SHORT, seed);
  const text = texts[kind % texts.length] ?? '';
  const options = kind % 2 === 0 ? {} : { cacheBytesMax: 65_536 };
  const varied = measure(image, text.repeat(lengthLast / LENGTH_LAST_SHORT), options);
  const even = measure(image, text.slice(0, PERIOD).repeat(lengthLast / PERIOD), options);
  const costs = even.counts.map((count, index) => Math.max(count, (LENGTH_FIRST << index) * CHEAP_STEPS_PER_BYTE));
  const growth = ((costs.at(-1) ?? 1) / (costs[0] ?? 1)) ** (1 / (costs.length - 1));
  const growthTwice = Math.max(...costs.slice(2).map((cost, index) => cost / (costs[index] ?? 1)));
  const stepsPerByte = Math.max(...[varied, even].flatMap(({ counts }) => counts.map(perByte)));
  const where = `${JSON.stringify(pattern.slice(0, 80))} with seed ${seed}, kind ${kind}: ${even.counts.join(' ')}`;
  const failures = [
    growth > GROWTH_MAX ? `grows by ${growth.toFixed(2)} per doubling: ${where}` : '',
    growthTwice > GROWTH_TWICE_MAX ? `grows by ${growthTwice.toFixed(2)} in two doublings: ${where}` : '',
    stepsPerByte > instructions * STEPS_PER_BYTE_AND_INSTRUCTION ? `${stepsPerByte} steps per byte: ${where}` : '',
  ].filter((failure) => failure !== '');
  return { isMatch: varied.isMatch || even.isMatch, growth, growthTwice, stepsPerByte, failures };
}

/** Steps on each beginning of a text, each with an automaton that knows nothing yet. */
function measure(
  image: RegexImage,
  text: string,
  options: { cacheBytesMax?: number },
): { counts: number[]; isMatch: boolean } {
  const counts: number[] = [];
  let isMatch = false;
  for (let length = LENGTH_FIRST; length <= text.length; length *= 2) {
    const expression = instantiate(image, options);
    isMatch = expression.test(text.slice(0, length));
    counts.push(expression.steps);
  }
  return { counts, isMatch };
}

function perByte(count: number, index: number): number {
  return count / (LENGTH_FIRST << index);
}
