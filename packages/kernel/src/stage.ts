import type { Exchange } from './exchange.ts';
import type { Verdict } from './verdict.ts';

/**
 * One step of the decision.
 *
 * It returns a verdict; it never writes to a socket, logs or throws to deny. A stage that runs longer than a few hundred
 * microseconds must bound its own work: nothing outside can interrupt it.
 */
export interface Stage {
  inspect(exchange: Exchange): Verdict | Promise<Verdict>;
}

/**
 * How a stage comes to be. `compile` runs once, in the control plane, and yields plain data (typed arrays allowed) that
 * survives the way into another thread; `instantiate` runs in every worker and may warm caches.
 */
export interface StageDefinition<Config, Image> {
  readonly name: string;
  /** What a throw means. There is no default: the author of a stage must choose. */
  readonly onFailure: 'deny' | 'pass';
  /** @throws Error for a configuration that parsing should have refused: a bug, not an input. */
  compile(config: Config): Image;
  instantiate(image: Image): Stage;
}

/** How a stage is applied. */
export type StageMode =
  /** Its verdicts hold. */
  | 'enforce'
  /** Its verdicts are recorded as what would have happened, and the exchange goes on. */
  | 'observe';
