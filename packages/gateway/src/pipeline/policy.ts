import type { DecisionTable } from '@sallyport/guards';
import type { GatewayConfig, StageMode } from '@sallyport/kernel';
import type { Upstreams } from '../upstream/upstreams.ts';
import type { DecidingPolicy } from './decide.ts';
import { compileStages, instantiateStages, STAGE_ORDER, type StageImages, type StageName } from './order.ts';
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
  /** Exchanges that began with this policy and have not ended. One writer: `LivePolicies`. */
  pins: number;
}

/**
 * Control plane: compiles a configuration. Of what has not changed since `previous` the tables are taken over.
 *
 * @throws Error only for what parsing should have refused.
 */
export function compilePolicy(config: GatewayConfig, version: number, previous?: PolicyImage): PolicyImage {
  const { lists: _compiled, ...rest } = config;
  return { version, config: rest, stages: compileStages(config, previous?.stages) };
}

/** Data plane: makes an image usable, step by step, with the upstreams that were made for it. */
export function* instantiatePolicy(
  image: PolicyImage,
  upstreams: Upstreams,
  decisions: DecisionTable,
): Generator<undefined, Policy, undefined> {
  const { version, config } = image;
  const stages = yield* instantiateStages(image.stages, decisions);
  const router = new Router(image.stages.routing);
  yield;
  return { version, config, stages, modes: modesOf(config), router, upstreams, pins: 0 };
}

function modesOf(config: PolicyConfig): Readonly<Record<StageName, StageMode>> {
  const mode = (name: StageName): StageMode =>
    config.observe || config.observeStages.includes(name) ? 'observe' : 'enforce';
  const modes: Partial<Record<StageName, StageMode>> = {};
  for (const name of STAGE_ORDER) modes[name] = mode(name);
  return { lists: 'enforce', decisions: 'enforce', routing: 'enforce', protocol: 'enforce', ...modes };
}
