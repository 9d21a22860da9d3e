import {
  type Clock,
  type GatewayConfig,
  PASS,
  type RequestExchange,
  type RuleProvenance,
  type Stage,
  type Verdict,
  type WafPolicy,
} from '@sallyport/kernel';
import { instantiateWaf, type PackedImage, type PersistentCollections, type Waf } from '@sallyport/waf';
import { RuleInspection } from './inspection.ts';
import { requestOf } from './request.ts';

/** Compiled rules by their digest. */
export type RuleSets = ReadonlyMap<string, { readonly image: PackedImage; readonly madeOf: RuleProvenance }>;

export interface WafStageConfig {
  readonly config: Pick<GatewayConfig, 'observe' | 'observeStages' | 'waf'>;
  readonly ruleSets: RuleSets;
}

/** Plain data. The rules of an image share their tables between threads. */
export interface WafStageImage {
  readonly ruleSets: RuleSets;
  /** The stage only observes: every route is in `detect`, so that rules run to their end. */
  readonly isObserved: boolean;
  readonly policy: WafPolicy;
}

/**
 * Inspection by rules. Judges the head, and leaves an inspection with the exchange that judges the rest: the body, the
 * response, the end. Fails closed.
 */
export class WafStage implements Stage {
  readonly #engines: ReadonlyMap<string, Waf>;
  readonly #image: WafStageImage;
  readonly #clock: Clock;

  constructor(image: WafStageImage, engines: ReadonlyMap<string, Waf>, clock: Clock) {
    this.#image = image;
    this.#engines = engines;
    this.#clock = clock;
  }

  inspect(exchange: RequestExchange): Verdict {
    const { route } = exchange;
    if (route === undefined) return PASS;
    const inspection = this.#open(route.waf, exchange.id);
    if (inspection === undefined) return PASS;
    exchange.inspection = inspection;
    return inspection.head(requestOf(exchange));
  }

  /** For requests that are no valid HTTP, whose route is unknown: records what rules say, whatever the mode. */
  witness(id: string): RuleInspection | undefined {
    const { policy } = this.#image;
    return this.#open({ ...policy, mode: policy.mode === 'off' ? 'off' : 'detect' }, id);
  }

  #open(policy: WafPolicy, id: string): RuleInspection | undefined {
    if (policy.mode === 'off') return undefined;
    const engine = this.#engines.get(policy.ruleSet);
    // Failing is what a stage may do: an exchange that should have been judged and cannot be is refused.
    if (engine === undefined) throw new Error(`the rules ${policy.ruleSet} are not there`);
    const mode = this.#image.isObserved ? 'detect' : policy.mode;
    return new RuleInspection({ engine, policy, mode, id, clock: this.#clock });
  }
}

export const waf = {
  name: 'waf',
  onFailure: 'deny',
  compile: ({ config, ruleSets }: WafStageConfig): WafStageImage => ({
    ruleSets,
    isObserved: config.observe || config.observeStages.includes('waf'),
    policy: config.waf.policy,
  }),
  /** One rule set at a step: each takes as long as several stages. */
  *instantiate(image: WafStageImage, { clock, collections }: WafTools): Generator<undefined, WafStage, undefined> {
    const engines = new Map<string, Waf>();
    for (const [digest, ruleSet] of image.ruleSets) {
      engines.set(digest, instantiateWaf(ruleSet.image, { clock, persistence: collections }));
      yield;
    }
    return new WafStage(image, engines, clock);
  },
} as const;

export interface WafTools {
  readonly clock: Clock;
  /** What rules remember about an address holds on every route, and under the next policy as well. */
  readonly collections: PersistentCollections;
}
