import type { Diagnostics, Place } from './diagnostic.ts';
import type { ActionList, Disruption, Marker, OperatorUse, Phase, Rule, Selection, Target } from './rule.ts';

/** A rule as it was written, before defaults, updates and removals. */
export interface DraftRule {
  readonly place: Place;
  targets: readonly Target[];
  readonly exclusions: Selection[];
  readonly operator: OperatorUse | undefined;
  actions: ActionList;
  /** Links, on the head only. */
  readonly chain: DraftRule[];
  isRemoved?: boolean;
}

/** Gives every rule what SecDefaultAction says for its phase, and leaves out removed rules. */
export function resolveRules(
  items: readonly (DraftRule | Marker)[],
  defaults: ReadonlyMap<Phase, ActionList>,
  diagnostics: Diagnostics,
): readonly (Rule | Marker)[] {
  const seen = new Set<number>();
  const resolved: (Rule | Marker)[] = [];
  for (const item of items) {
    if ('label' in item) {
      resolved.push(item);
      continue;
    }
    const { id } = item.actions;
    if (id === undefined) {
      diagnostics.error(item.place, 'a rule has no id');
      continue;
    }
    if (seen.has(id)) diagnostics.error(item.place, `there are two rules with id ${id}`);
    seen.add(id);
    if (item.isRemoved !== true) resolved.push(resolveRule(item, id, defaults, diagnostics));
  }
  return resolved;
}

function resolveRule(
  draft: DraftRule,
  id: number,
  defaults: ReadonlyMap<Phase, ActionList>,
  diagnostics: Diagnostics,
): Rule {
  const phase = draft.actions.phase ?? 2;
  const base = defaults.get(phase);
  const fallback: Disruption = base?.disruption ?? { kind: 'pass' };
  const own = draft.actions.disruption ?? fallback;
  const link = (rule: DraftRule, chain: readonly Rule[]): Rule => ({
    place: rule.place,
    id,
    phase,
    targets: rule.targets,
    exclusions: rule.exclusions,
    operator: rule.operator,
    transformations: rule.actions.hasOwnTransformations
      ? rule.actions.transformations
      : [...(base?.transformations ?? []), ...rule.actions.transformations],
    actions: rule.actions,
    disruption: own.kind === 'block' ? fallback : own,
    status: draft.actions.status ?? base?.status ?? 403,
    isLogged: draft.actions.isLogged ?? base?.isLogged ?? true,
    isAudited: draft.actions.isAudited ?? base?.isAudited ?? true,
    chain,
  });
  for (const one of draft.chain) {
    const { id: ownId, phase: ownPhase, disruption, skipAfter } = one.actions;
    if (ownId !== undefined || ownPhase !== undefined) {
      diagnostics.error(one.place, 'id and phase belong to the first rule of a chain');
    }
    if (disruption !== undefined || skipAfter !== undefined) {
      diagnostics.error(one.place, 'what a chain does about the exchange belongs to its first rule');
    }
  }
  return link(
    draft,
    draft.chain.map((one) => link(one, [])),
  );
}
