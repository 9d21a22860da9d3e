import { createHash } from 'node:crypto';
import type { PatternsImage } from '../operators/pattern.ts';
import type { RuleFiles } from '../seclang/parse.ts';
import type { RuleSet } from '../seclang/rule.ts';
import { makePlan, type Plan } from './plan.ts';
import { foldPlan, surveyedPatterns } from './policy.ts';

/**
 * A compiled rule set: plain data and typed arrays, so that it survives `postMessage`. The tables lie in
 * `SharedArrayBuffer`s, which threads share instead of copying them; nothing writes to an image after it was made.
 */
export interface WafImage {
  readonly kind: 'waf';
  readonly version: number;
  /** SHA-256 of everything the rules and the files they name say: equal digests, equal decisions. */
  readonly digest: string;
  readonly ruleSet: RuleSet;
  /** Texts of the files that operators name, by the file that names them and the name. */
  readonly texts: ReadonlyMap<string, string>;
  readonly patterns: PatternsImage;
}

/** Compiles a rule set that the parser accepted. `files` are those it was parsed with. */
export function makeImage(ruleSet: RuleSet, files: RuleFiles): WafImage {
  const texts = new Map<string, string>();
  const plan = makePlan(ruleSet, (path, from) => {
    const text = files.readFile(path, from)?.text;
    if (text !== undefined) texts.set(keyOf(path, from), text);
    return text;
  });
  const folded = foldPlan(plan);
  const patterns = plan.patterns.compile({
    request: surveyedPatterns(folded, [1, 2]),
    response: surveyedPatterns(folded, [3, 4, 5]),
  });
  return { kind: 'waf', version: IMAGE_VERSION, digest: digestOf(ruleSet, texts), ruleSet, texts, patterns };
}

/** Makes an image ready to run in this thread. Throws for an image that another version of this package made. */
export function planOf(image: WafImage): Plan {
  checkImageVersion(image);
  const { ruleSet, patterns, texts } = image;
  const plan = makePlan(ruleSet, (path, from) => texts.get(keyOf(path, from)));
  plan.patterns.use(patterns);
  return plan;
}

/** Throws for an image that another version of this package made. */
export function checkImageVersion({ version }: Pick<WafImage, 'version'>): void {
  if (version !== IMAGE_VERSION) throw new Error(`the rules were compiled by another version, ${version}`);
}

const IMAGE_VERSION = 3;

function keyOf(path: string, from: string): string {
  return `${from}\0${path}`;
}

function digestOf(ruleSet: RuleSet, texts: ReadonlyMap<string, string>): string {
  const plain = (_key: string, value: unknown): unknown => (value instanceof Set ? [...value] : value);
  const hash = createHash('sha256');
  return hash.update(JSON.stringify([IMAGE_VERSION, ruleSet, [...texts]], plain)).digest('hex');
}
