import { ManualClock } from '@sallyport/kernel';
import { compileWaf, instantiateWaf, type WafImage } from '@sallyport/waf';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { Random } from './regex/random-pattern.ts';
import { difference, type Pair } from './waf/compare.ts';
import { CRS_VARIABLES, crsExchanges, crsFolder, crsImage } from './waf/crs.ts';
import type { Exchange } from './waf/exchange.ts';
import { RULE_VARIABLES, randomExchange, randomRules } from './waf/random-rules.ts';

/**
 * The compiled evaluator says of every exchange what evaluating rule by rule says: interruption, matched rules with
 * their values and captures, scores, log lines. First random rules on random exchanges; then, where the test data is,
 * CRS at every paranoia level on its own regression tests and on mutations of them. One count is one exchange.
 */
export const campaign: Campaign = { fullCount: 1_000_000, run };

const EXCHANGES_PER_RULES = 12;
const RULE_SETS_PER_SLICED = 4;
/** What part of the time belongs to random rules. */
const RANDOM_PART = 0.6;
/** And of the count: an exchange under CRS, rule by rule, takes as long as ten under random rules. */
const RANDOM_COUNT_PART = 0.9;
/** How often an exchange under random rules is made long, so that slices pause in the middle of a value. */
const LONG_ONE_IN = 400;
const FAILURES_MAX = 20;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const random = new Random(seed);
  const figures = { ruleSets: 0, crs: 0 };
  const failures: string[] = [];
  const begin = process.hrtime.bigint();
  const isLate = (part: number): boolean =>
    failures.length >= FAILURES_MAX || Number(process.hrtime.bigint() - begin) / 1e9 > secondsMax * part;
  const folder = crsFolder();
  let count = 0;
  const randomMax = folder === undefined ? countMax : countMax * RANDOM_COUNT_PART;
  while (count < randomMax && !isLate(folder === undefined ? 1 : RANDOM_PART)) {
    const rules = randomRules(random);
    const pair = pairOf(imageOf(rules), figures.ruleSets % RULE_SETS_PER_SLICED === 0);
    figures.ruleSets += 1;
    for (let index = 0; index < EXCHANGES_PER_RULES; index += 1) {
      const exchange = random.isOneIn(LONG_ONE_IN) ? longExchange(random) : randomExchange(random);
      const wrong = difference(pair, exchange, RULE_VARIABLES);
      if (wrong !== undefined) failures.push(`${wrong}\n${rules}\n${JSON.stringify(exchange)}`);
      count += 1;
    }
  }
  if (folder === undefined) return { count, failures, figures };
  const exchanges = crsExchanges(folder);
  const first = random.below(exchanges.length);
  for (const [turn, [level, mode]] of LEVELS.entries()) {
    const pair = pairOf(crsImage(folder, level, mode), true);
    const part = RANDOM_PART + ((1 - RANDOM_PART) * (turn + 1)) / LEVELS.length;
    const levelMax = randomMax + ((countMax - randomMax) * (turn + 1)) / LEVELS.length;
    for (let index = 0; count < levelMax && !isLate(part); index += 1) {
      const original = exchanges[(first + index) % exchanges.length];
      if (original === undefined) break;
      // Every test as it is, then mutated again and again.
      const exchange = index < exchanges.length ? original : mutated(random, original);
      const wrong = difference(pair, exchange, CRS_VARIABLES);
      if (wrong !== undefined)
        failures.push(`${original.name} at level ${level}: ${wrong}\n${JSON.stringify(exchange)}`);
      count += 1;
      figures.crs += 1;
    }
  }
  return { count, failures, figures };
}

/** A form with one field of forty kilobytes. */
function longExchange(random: Random): Exchange {
  const { body, ...rest } = randomExchange(random);
  const headers = [['Content-Type', 'application/x-www-form-urlencoded']] as const;
  return { ...rest, method: 'POST', headers, body: `a=${body.replaceAll('&', '%26').repeat(40_000).slice(0, 40_000)}` };
}

const LEVELS = [
  [1, 'On'],
  [4, 'DetectionOnly'],
  [2, 'DetectionOnly'],
  [3, 'On'],
] as const;

function imageOf(rules: string): WafImage {
  const result = compileWaf({ rules: [{ name: 'random.conf', text: rules }] });
  if (result.kind === 'compiled') return result.image;
  throw new Error(`${result.diagnostics.map(({ line, message }) => `${line}: ${message}`).join('\n')}\n${rules}`);
}

function pairOf(image: WafImage, isSliced: boolean): Pair {
  return {
    compiled: instantiateWaf(image, { clock: new ManualClock() }),
    sliced: isSliced ? instantiateWaf(image, { clock: new ManualClock() }) : undefined,
    oracle: instantiateWaf(image, { clock: new ManualClock(), evaluator: 'ruleByRule' }),
  };
}

/** The exchange with some bytes of its target, its body or a header changed, doubled or taken out. */
function mutated(random: Random, exchange: Exchange): Exchange {
  const change = (text: string): string => {
    const at = random.below(text.length + 1);
    const to = Math.min(text.length, at + random.below(4));
    const inserted = random.pick([
      '',
      '%00',
      ' ',
      "'",
      '<',
      '%u0041',
      '&a=',
      '\\',
      ';',
      String.fromCharCode(random.below(256)),
    ]);
    return text.slice(0, at) + inserted + text.slice(random.isOneIn(3) ? at : to);
  };
  switch (random.below(3)) {
    case 0:
      return { ...exchange, target: change(exchange.target).replaceAll(/[\r\n]/g, '') };
    case 1:
      return { ...exchange, body: change(exchange.body) };
    default: {
      const which = random.below(exchange.headers.length + 1);
      const headers = exchange.headers.map(
        ([name, value], index) => [name, index === which ? change(value) : value] as const,
      );
      return { ...exchange, headers };
    }
  }
}
