import { createHash } from 'node:crypto';
import { type DecisionTable, decisions, type ListsImage, lists, type ProtocolImage, protocol } from '@sallyport/guards';
import type { Clock, GatewayConfig, Stage } from '@sallyport/kernel';
import type { PersistentCollections } from '@sallyport/waf';
import { type RuleSets, type WafStage, type WafStageImage, waf } from '../inspection/stage.ts';
import { compileRoutes, type RouteTable, routing } from './routes.ts';

/** The order exchanges are judged in. Cheap and certain first; expensive and probabilistic last. */
export const STAGE_ORDER = [
  'lists', // one lookup; before routing, so that a denied network cannot even map which routes exist
  'decisions', // what was decided about the client, by people or by detection; as cheap, and wins over every policy
  'routing', // everything below needs the route's limits
  'protocol', // what the head alone decides; before anything that reads a body
  'waf', // rules: the most expensive, and the only one that goes on to bodies and responses
] as const;

export type StageName = (typeof STAGE_ORDER)[number];

/** A stage that is not wired does not compile. */
export type Stages = Readonly<Record<StageName, Stage>>;

/** What the stages need, as plain data for a worker. */
export interface StageImages {
  readonly lists: ListsImage;
  /** Of what the lists were compiled from. */
  readonly listsHash: string;
  readonly routing: RouteTable;
  readonly protocol: ProtocolImage;
  readonly waf: WafStageImage;
}

/** What a throw in a stage means, as the stage declares it. */
export const ON_FAILURE: Readonly<Record<StageName, 'deny' | 'pass'>> = {
  lists: lists.onFailure,
  decisions: decisions.onFailure,
  routing: routing.onFailure,
  protocol: protocol.onFailure,
  waf: waf.onFailure,
};

/**
 * Control plane: configuration to plain data. What has the same content as in `previous` is not compiled again. `ruleSets`:
 * the compiled rules that the configuration names.
 */
export function compileStages(config: GatewayConfig, ruleSets: RuleSets, previous?: StageImages): StageImages {
  const listsHash = contentHash(config.lists);
  return {
    listsHash,
    lists: previous?.listsHash === listsHash ? previous.lists : lists.compile(config.lists),
    routing: routing.compile(compileRoutes(config.routes)),
    protocol: protocol.compile({}),
    waf: waf.compile({ config, ruleSets }),
  };
}

function contentHash(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url');
}

/** What stages of a data plane share, and what outlives policies. */
export interface StageTools {
  readonly clock: Clock;
  readonly decisions: DecisionTable;
  /** What rules remember about addresses and sessions. */
  readonly collections: PersistentCollections;
}

/**
 * Data plane: plain data to stages, one at a step, so that a policy that comes while requests are served never holds them up
 * for longer than one stage takes. What is decided outlives policies, so it is no part of the images.
 */
export function* instantiateStages(
  images: StageImages,
  { decisions: table, clock, collections }: StageTools,
): Generator<undefined, Stages & { readonly waf: WafStage }, undefined> {
  const listsStage = lists.instantiate(images.lists);
  yield;
  const decisionsStage = decisions.instantiate(table);
  const routingStage = routing.instantiate(images.routing);
  yield;
  const protocolStage = protocol.instantiate(images.protocol);
  yield;
  const wafStage = yield* waf.instantiate(images.waf, { clock, collections });
  return {
    lists: listsStage,
    decisions: decisionsStage,
    routing: routingStage,
    protocol: protocolStage,
    waf: wafStage,
  };
}
