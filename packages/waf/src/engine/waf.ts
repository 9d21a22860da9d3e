import type { Clock } from '@sallyport/kernel';
import { type Detectors, detectors as ownDetectors } from '../detect/index.ts';
import type { Diagnostic } from '../seclang/diagnostic.ts';
import { parseRules, type RuleFiles, type RuleSource } from '../seclang/parse.ts';
import type { EngineMode } from '../seclang/rule.ts';
import { makeImage, planOf, type WafImage } from './image.ts';
import { type PackedImage, unpackImage } from './packed-image.ts';
import { MemoryCollections, type PersistentCollections } from './persistence.ts';
import { foldPlan, Policy } from './policy.ts';
import type { EngineContext } from './state.ts';
import { systemClock } from './system-clock.ts';
import { Transaction } from './transaction.ts';

/** What a rule set is compiled from. */
export interface RuleOptions {
  /** Rule files in the order in which they hold. */
  readonly rules: readonly RuleSource[];
  /** Finds files that rules name. Default: there are none, and a rule that names one is an error. */
  readonly files?: RuleFiles;
}

/** What a thread brings to a compiled rule set. */
export interface InstanceOptions {
  /** Default: the clock of the machine. */
  readonly clock?: Clock;
  /** What `@detectSQLi` and `@detectXSS` ask. Default: the detectors of this package. */
  readonly detectors?: Detectors;
  /** Where IP, GLOBAL, SESSION, USER and RESOURCE live. Default: in memory, at most 100,000 collections. */
  readonly persistence?: PersistentCollections;
  /**
   * Bytes that transformations and operators may look at in one transaction. Integer, at least 1. Default
   * 300,000,000. On overrun the exchange is interrupted (`cause` is `stepBudget`), never let through unseen.
   */
  readonly stepsMax?: number;
  /**
   * `compiled` (default) decides by value what it can; `ruleByRule` evaluates every rule in its turn, which is slower
   * and says the same: it is what the other one is compared with.
   */
  readonly evaluator?: 'compiled' | 'ruleByRule';
}

export interface WafOptions extends RuleOptions, InstanceOptions {}

/** A rule engine that is ready, or what is wrong with its rules. */
export type WafResult =
  | { readonly kind: 'ready'; readonly waf: Waf; readonly warnings: readonly Diagnostic[] }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[] };

/** A compiled rule set, or what is wrong with its rules. */
export type ImageResult =
  | { readonly kind: 'compiled'; readonly image: WafImage; readonly warnings: readonly Diagnostic[] }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[] };

/** Parses and compiles rules for use in this thread. Does not throw for anything that rule files say. */
export function createWaf(options: WafOptions): WafResult {
  const result = compileWaf(options);
  if (result.kind === 'invalid') return result;
  return { kind: 'ready', waf: instantiateWaf(result.image, options), warnings: result.warnings };
}

/**
 * Parses and compiles rules into an image that any number of threads can make an engine of. Does not throw for
 * anything that rule files say.
 */
export function compileWaf({ rules, files = NO_FILES }: RuleOptions): ImageResult {
  const { ruleSet, diagnostics } = parseRules(rules, files);
  if (diagnostics.some(({ severity }) => severity === 'error')) return { kind: 'invalid', diagnostics };
  return { kind: 'compiled', image: makeImage(ruleSet, files), warnings: diagnostics };
}

/** Makes an engine of an image. Throws an `Error` for an image that another version of this package made. */
export function instantiateWaf(image: WafImage | PackedImage, options: InstanceOptions = {}): Waf {
  const { clock = systemClock(), detectors = ownDetectors } = options;
  const { persistence = new MemoryCollections(), stepsMax = STEPS_MAX } = options;
  const plan = planOf(image.kind === 'packed' ? unpackImage(image) : image);
  const policy = options.evaluator === 'ruleByRule' ? undefined : new Policy(plan, foldPlan(plan), detectors);
  return new Waf({ plan, policy, clock, detectors, persistence, stepsMax });
}

/** A compiled rule set. Transactions are independent of each other, and cheap to make. */
export class Waf {
  readonly #context: EngineContext;

  /** Use `createWaf`. */
  constructor(context: EngineContext) {
    this.#context = context;
  }

  /**
   * Begins an exchange. `uniqueId` is what rules see as UNIQUE_ID and log lines end with. `mode` holds in place of what
   * SecRuleEngine says.
   */
  transaction(uniqueId: string, mode?: EngineMode): Transaction {
    return new Transaction(this.#context, uniqueId, mode);
  }
}

/**
 * Half as much again as a megabyte of ordinary documents needs under a full rule set, and about half a second: what needs more
 * was made to.
 */
const STEPS_MAX = 300_000_000;

const NO_FILES: RuleFiles = { readFile: () => undefined };
