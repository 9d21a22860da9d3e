import type { GatewayConfig, StageMode } from '@sallyport/kernel';
import type { DecidingPolicy } from './decide.ts';
import { compileStages, instantiateStages, STAGE_ORDER, type StageImages, type StageName } from './order.ts';
import { Router } from './routes.ts';

/** Everything configured, compiled: plain data and typed arrays, fit for another thread. */
export interface PolicyImage {
  /** Counts up with every policy of one process. */
  readonly version: number;
  readonly config: GatewayConfig;
  readonly stages: StageImages;
}

/** A policy in use. An exchange keeps the one it began with to its end. */
export interface Policy extends DecidingPolicy {
  readonly version: number;
  readonly config: GatewayConfig;
  readonly router: Router;
}

/** Control plane: compiles a configuration. @throws Error only for what parsing should have refused. */
export function compilePolicy(config: GatewayConfig, version: number): PolicyImage {
  return { version, config, stages: compileStages(config) };
}

/** Data plane: makes an image usable. */
export function instantiatePolicy(image: PolicyImage): Policy {
  const { version, config } = image;
  return {
    version,
    config,
    stages: instantiateStages(image.stages),
    modes: modesOf(config),
    router: new Router(image.stages.routing),
  };
}

function modesOf(config: GatewayConfig): Readonly<Record<StageName, StageMode>> {
  const mode = (name: StageName): StageMode =>
    config.observe || config.observeStages.includes(name) ? 'observe' : 'enforce';
  const modes: Partial<Record<StageName, StageMode>> = {};
  for (const name of STAGE_ORDER) modes[name] = mode(name);
  return { lists: 'enforce', routing: 'enforce', protocol: 'enforce', ...modes };
}
