import { type Exchange, PASS, reason, type Stage, type Verdict } from '@sallyport/kernel';
import type { DecisionTable } from './table.ts';

/**
 * Refuses clients that are banned. What is decided is not part of a policy, so the stage looks into a table that outlives
 * policies, and every decision holds from the next request on.
 *
 * Denies with 403 `CLIENT_BANNED` and the decision's id as detail. Fails closed.
 */
export const decisions = {
  name: 'decisions',
  onFailure: 'deny',
  instantiate: (table: DecisionTable): Stage => new DecisionsStage(table),
} as const;

class DecisionsStage implements Stage {
  readonly #table: DecisionTable;

  constructor(table: DecisionTable) {
    this.#table = table;
  }

  inspect(exchange: Exchange): Verdict {
    const ban = this.#table.banOf(exchange.client.address);
    if (ban === undefined) return PASS;
    return { kind: 'deny', status: 403, reason: reason('CLIENT_BANNED', ban.id) };
  }
}
