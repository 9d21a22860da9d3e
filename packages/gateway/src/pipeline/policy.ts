import type { GatewayConfig, StageMode } from '@sallyport/kernel';
import type { RuleSets, WafStage } from '../inspection/stage.ts';
import type { Upstreams } from '../upstream/upstreams.ts';
import type { DecidingPolicy } from './decide.ts';
import {
  compileStages,
  instantiateStages,
  STAGE_ORDER,
  type StageImages,
  type StageName,
  type StageTools,
} from './order.ts';
import { Router } from './routes.ts';

/** Everything configured, compiled: plain data and typed arrays, fit for another thread. */
export interface PolicyImage {
  /** Counts up with every policy of one process. */
  readonly version: number;
  readonly config: PolicyConfig;
  readonly stages: StageImages;
}

/** What is configured, without what only its compiled form is needed of: a list of networks may have millions of entries. */
export type PolicyConfig = Omit<GatewayConfig, 'lists'>;

/** A policy in use. An exchange keeps the one it began with to its end. */
export interface Policy extends DecidingPolicy {
  readonly version: number;
  readonly config: PolicyConfig;
  readonly router: Router;
  readonly upstreams: Upstreams;
  /** The stage `waf`, for what no pipeline sees. */
  readonly rules: WafStage;
  /** Exchanges that began with this policy and have not ended. One writer: `LivePolicies`. */
  pins: number;
}

/**
 * Control plane: compiles a configuration. Of what has not changed since `previous` the tables are taken over.
 *
 * @throws Error only for what parsing should have refused.
 */
export function compilePolicy(config: GatewayConfig, version: number, from: PolicySources = {}): PolicyImage {
  const { lists: _compiled, ...rest } = config;
  const { ruleSets = NO_RULES, previous } = from;
  return { version, config: rest, stages: compileStages(config, ruleSets, previous?.stages) };
}

/** Data plane: makes an image usable, step by step, with the upstreams that were made for it. */
export function* instantiatePolicy(
  image: PolicyImage,
  upstreams: Upstreams,
  tools: StageTools,
): Generator<undefined, Policy, undefined> {
  const { version, config } = image;
  const stages = yield* instantiateStages(image.stages, tools);
  const router = new Router(image.stages.routing);
  yield;
  return { version, config, stages, modes: modesOf(config), router, upstreams, rules: stages.waf, pins: 0 };
}

function modesOf(config: PolicyConfig): Readonly<Record<StageName, StageMode>> {
  const mode = (name: StageName): StageMode =>
    config.observe || config.observeStages.includes(name) ? 'observe' : 'enforce';
  const modes: Partial<Record<StageName, StageMode>> = {};
  for (const name of STAGE_ORDER) modes[name] = mode(name);
  return { lists: 'enforce', decisions: 'enforce', routing: 'enforce', protocol: 'enforce', waf: 'enforce', ...modes };
}

const NO_RULES: RuleSets = new Map();

/** What a policy is made of beside its configuration. */
export interface PolicySources {
  /** The compiled rules that the routes name. Default: none. */
  readonly ruleSets?: RuleSets | undefined;
  readonly previous?: PolicyImage | undefined;
}
