import type { Phase } from '../seclang/rule.ts';
import { type FoldedPhase, foldQuietPhase } from './fold.ts';
import { Known } from './known.ts';
import type { CompiledRule, Plan } from './plan.ts';

/**
 * A rule set folded for quiet transactions: hardly a request gives a rule cause to raise a score, and where none was raised
 * what rules do with scores is the same for all of them.
 */
export interface QuietPlan {
  readonly phases: Readonly<Record<Phase, FoldedPhase>>;
  /** Names of TX in lower case that what was folded relies on. */
  readonly relied: ReadonlySet<string>;
}

/** When a rule ends the quiet of a transaction: never, when it matches, or as soon as its head does. */
export type Disturbance = 'never' | 'match' | 'head';

/** Folds all phases for transactions that go through them in their order; logging may come early. */
export function foldQuietPlan(plan: Plan): QuietPlan {
  const relied = new Set<string>();
  const fold = (phase: Phase, entry: Known): FoldedPhase =>
    foldQuietPhase({ plan, program: plan.programs[phase], relied }, entry);
  const first = fold(1, Known.nothingSet());
  const second = fold(2, first.exit);
  const third = fold(3, second.exit);
  const fourth = fold(4, third.exit);
  const fifth = fold(5, second.exit.join(third.exit).join(fourth.exit));
  return { phases: { 1: first, 2: second, 3: third, 4: fourth, 5: fifth }, relied };
}

/** True when a quiet transaction whose phase before was `before` is quiet in `phase` as well. */
export function staysQuiet(phase: Phase, before: Phase | 0): boolean {
  return phase === 5 ? before >= 2 : before === phase - 1;
}

/** When the rule would change what quiet transactions rely on. */
export function disturbanceOf(rule: CompiledRule, relied: ReadonlySet<string>): Disturbance {
  const links = [rule, ...rule.links];
  // What a link does is done when it matches, whatever becomes of those behind it.
  if (links.slice(0, -1).some((link) => writesTo(link, relied))) return 'head';
  const { actions, disruption } = rule.rule;
  const isLeaving = disruption.kind !== 'pass' && disruption.kind !== 'block';
  const isJumping = isLeaving || actions.skipAfter !== undefined || actions.skip > 0;
  return isJumping || links.slice(-1).some((link) => writesTo(link, relied)) ? 'match' : 'never';
}

function writesTo({ rule: { actions } }: CompiledRule, relied: ReadonlySet<string>): boolean {
  const names = [...relied];
  if (actions.doesCapture && names.some((name) => /^[0-9]$/.test(name))) return true;
  return actions.setVariables.some(({ collection, key }) => {
    if (collection !== 'TX') return false;
    if (key.constant !== undefined) return relied.has(key.constant.toLowerCase());
    const [first] = key.parts;
    const prefix = typeof first === 'string' ? first.toLowerCase() : '';
    return names.some((name) => name.startsWith(prefix));
  });
}
