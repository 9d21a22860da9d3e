import { type ListsImage, lists, type ProtocolImage, protocol } from '@sallyport/guards';
import type { GatewayConfig, Stage } from '@sallyport/kernel';
import { compileRoutes, type RouteTable, routing } from './routes.ts';

/** The order exchanges are judged in. Cheap and certain first; expensive and probabilistic last. */
export const STAGE_ORDER = [
  'lists', // one lookup; before routing, so that a denied network cannot even map which routes exist
  'routing', // everything below needs the route's limits
  'protocol', // what the head alone decides; before anything that reads a body
] as const;

export type StageName = (typeof STAGE_ORDER)[number];

/** A stage that is not wired does not compile. */
export type Stages = Readonly<Record<StageName, Stage>>;

/** What the stages need, as plain data for a worker. */
export interface StageImages {
  readonly lists: ListsImage;
  readonly routing: RouteTable;
  readonly protocol: ProtocolImage;
}

/** What a throw in a stage means, as the stage declares it. */
export const ON_FAILURE: Readonly<Record<StageName, 'deny' | 'pass'>> = {
  lists: lists.onFailure,
  routing: routing.onFailure,
  protocol: protocol.onFailure,
};

/** Control plane: configuration to plain data. */
export function compileStages(config: GatewayConfig): StageImages {
  return {
    lists: lists.compile(config.lists),
    routing: routing.compile(compileRoutes(config.routes)),
    protocol: protocol.compile({}),
  };
}

/** Data plane: plain data to stages. */
export function instantiateStages(images: StageImages): Stages {
  return {
    lists: lists.instantiate(images.lists),
    routing: routing.instantiate(images.routing),
    protocol: protocol.instantiate(images.protocol),
  };
}
