import { instantiateSet, type RegexSetImage } from '@sallyport/regex';
import { hostileTexts } from '@sallyport/regex/hostile';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { Random } from './regex/random-pattern.ts';
import { crsExchanges, crsFolder, crsImage } from './waf/crs.ts';

/**
 * One pass over a value leaves every rule that matches it: all patterns and phrase lists of CRS at paranoia level 4, as
 * the compiled evaluator looks for them, against each of them alone. Values are pieces of the regression tests, joined
 * and mutated, and texts made of the patterns. One count is one rule with one value.
 */
export const campaign: Campaign = { fullCount: 10_000_000, run };

const FAILURES_MAX = 20;
const HOSTILE_LENGTH = 96;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const folder = crsFolder();
  const figures = { values: 0, matched: 0 };
  if (folder === undefined) return { count: 0, failures: ['there is no test data: run `npm run data`'], figures };
  const random = new Random(seed);
  const { request, response } = crsImage(folder, 4, 'On').patterns;
  const sets = [request.set, response.set].map(enginesOf);
  const pieces = crsExchanges(folder).flatMap(({ target, body, headers }) => [
    target,
    body,
    ...headers.map(([, value]) => value),
  ]);
  const hostile = [request.set, response.set].flatMap(({ members }) =>
    members.flatMap((member) => (member.kind === 'regex' ? hostileTexts(member, HOSTILE_LENGTH, seed) : [])),
  );
  const failures: string[] = [];
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  let count = 0;
  while (count < countMax && failures.length < FAILURES_MAX && process.hrtime.bigint() < end) {
    const value = valueOf(random, random.isOneIn(6) ? hostile : pieces);
    figures.values += 1;
    for (const { filtered, single, size } of sets) {
      const found = filtered(value);
      const wanted = single(value);
      figures.matched += wanted.length;
      count += size;
      if (found.join() !== wanted.join())
        failures.push(`${JSON.stringify(value)}: found ${found.join()}, wanted ${wanted.join()}`);
    }
  }
  return { count, failures, figures };
}

interface Engines {
  readonly size: number;
  readonly filtered: (text: string) => readonly number[];
  readonly single: (text: string) => readonly number[];
}

function enginesOf(image: RegexSetImage): Engines {
  const filtered = instantiateSet(image, { engine: 'filtered' });
  const single = instantiateSet(image, { engine: 'single' });
  return {
    size: image.members.length,
    filtered: (text) => filtered.matchBytes(text),
    single: (text) => single.matchBytes(text),
  };
}

/** A piece of something that is there, alone, joined with another one, or mutated. */
function valueOf(random: Random, among: readonly string[]): string {
  const piece = (): string => among[random.below(among.length)] ?? '';
  const cut = (text: string): string => text.slice(random.below(text.length + 1)).slice(0, 8 + random.below(200));
  switch (random.below(4)) {
    case 0:
      return piece().slice(0, 400);
    case 1:
      return cut(piece());
    case 2:
      return cut(piece()) + random.pick([' ', '&', "'", ';', '', '\n']) + cut(piece());
    default: {
      const text = cut(piece());
      const at = random.below(text.length + 1);
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + random.below(2));
    }
  }
}
