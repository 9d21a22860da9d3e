import { parseActions } from './actions.ts';
import { parseRuleSelector } from './controls.ts';
import type { Diagnostics, Place } from './diagnostic.ts';
import type { DraftRule } from './resolve.ts';
import type { ActionList, RuleSelector } from './rule.ts';
import { ruleMatcher, selectorProblem } from './rule-matching.ts';
import { parseTargets, type TargetList } from './targets.ts';

/** A directive that changes rules, wherever they stand: applied when all files are read. */
export type Update = { readonly place: Place; readonly rules: RuleSelector } & (
  | { readonly kind: 'remove' }
  | { readonly kind: 'targets'; readonly list: TargetList; readonly replaced: TargetList | undefined }
  | { readonly kind: 'actions'; readonly text: string }
);

/** Parses SecRuleRemoveBy..., SecRuleUpdateTargetBy... and SecRuleUpdateActionById; undefined for other directives. */
export function updateOf(place: Place, name: string, values: readonly string[]): Update | string | undefined {
  const found = /^SecRule(Remove|UpdateTarget|UpdateAction)By(Id|Tag|Msg)$/i.exec(name);
  if (found === null) return undefined;
  const [, what = '', by = ''] = found;
  const isRemoval = what.toLowerCase() === 'remove';
  const named = isRemoval && by.toLowerCase() === 'id' ? values.join(' ') : (values[0] ?? '');
  const rules = parseRuleSelector(by, named);
  if (typeof rules === 'string') return `${name}: ${rules}`;
  const problem = selectorProblem(rules);
  if (problem !== undefined) return `${name}: ${problem}`;
  if (isRemoval) return { kind: 'remove', place, rules };
  if (what.toLowerCase() === 'updateaction') return { kind: 'actions', place, rules, text: values[1] ?? '' };
  const list = parseTargets(values[1] ?? '');
  if (typeof list === 'string') return `${name}: ${list}`;
  const replaced = values[2] === undefined ? undefined : parseTargets(values[2]);
  if (typeof replaced === 'string') return `${name}: ${replaced}`;
  return { kind: 'targets', place, rules, list, replaced };
}

/** Changes the rules that the update names. */
export function applyUpdate(update: Update, rules: readonly DraftRule[], diagnostics: Diagnostics): void {
  const matches = ruleMatcher(update.rules);
  for (const rule of rules.filter(({ actions }) => matches(actions))) {
    switch (update.kind) {
      case 'remove':
        rule.isRemoved = true;
        break;
      case 'targets':
        updateTargets(rule, update.list, update.replaced);
        break;
      case 'actions': {
        const { actions, problems } = parseActions(update.text);
        for (const problem of problems) diagnostics.error(update.place, problem);
        rule.actions = mergedActions(rule.actions, actions);
        break;
      }
    }
  }
}

function updateTargets(rule: DraftRule, list: TargetList, replaced: TargetList | undefined): void {
  const gone = new Set(replaced?.targets.map((target) => JSON.stringify(target)));
  const kept = rule.targets.filter((target) => !gone.has(JSON.stringify(target)));
  rule.targets = [...kept, ...list.targets];
  rule.exclusions.push(...list.exclusions);
}

/** What the update says replaces what the rule said; tags are added, transformations replace all when it names any. */
function mergedActions(old: ActionList, update: ActionList): ActionList {
  const isTransforming = update.hasOwnTransformations || update.transformations.length > 0;
  return {
    ...old,
    disruption: update.disruption ?? old.disruption,
    status: update.status ?? old.status,
    isLogged: update.isLogged ?? old.isLogged,
    isAudited: update.isAudited ?? old.isAudited,
    msg: update.msg ?? old.msg,
    logdata: update.logdata ?? old.logdata,
    severity: update.severity ?? old.severity,
    tags: [...old.tags, ...update.tags],
    transformations: isTransforming ? update.transformations : old.transformations,
    hasOwnTransformations: isTransforming || old.hasOwnTransformations,
    setVariables: update.setVariables.length > 0 ? update.setVariables : old.setVariables,
    controls: update.controls.length > 0 ? update.controls : old.controls,
    skipAfter: update.skipAfter ?? old.skipAfter,
  };
}
