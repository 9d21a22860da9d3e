import { regex } from '@sallyport/regex';
import { NAME_PATTERN } from '../operators/pattern.ts';
import { type Macro, parseMacro } from '../seclang/macro.ts';
import { isRule, type Rule, type RuleSet } from '../seclang/rule.ts';

/**
 * For every rule that captures, and every link: the highest of the groups TX.1 to TX.9 that something may read after it
 * has matched, 0 for none. Finding groups costs far more than finding the match, and most rules capture only to log TX.0.
 *
 * What a rule captures is there for the rest of its chain, and for later rules until another one captures. So a read that
 * stands behind a capture of its own chain means that one, and any other read may mean every capture of the rule set.
 */
export function groupsRead(items: RuleSet['items']): ReadonlyMap<Rule, number> {
  const chains = items.filter(isRule).map((head) => [head, ...head.chain]);
  const reads = chains.map(readsOf);
  const anywhere = Math.max(0, ...reads.map(({ behindOthers }) => behindOthers));
  const groups = new Map<Rule, number>();
  for (const [index, chain] of chains.entries()) {
    for (const rule of chain) groups.set(rule, Math.max(anywhere, reads[index]?.behindOwn ?? 0));
  }
  return groups;
}

/** TX.1 to TX.9. */
export const GROUP_LAST = 9;

interface Reads {
  /** The highest group that is read where a rule of the same chain has captured, and where none has. */
  readonly behindOwn: number;
  readonly behindOthers: number;
}

function readsOf(chain: readonly Rule[]): Reads {
  let behindOwn = 0;
  let behindOthers = 0;
  let hasCaptured = false;
  const note = (group: number): void => {
    if (hasCaptured) behindOwn = Math.max(behindOwn, group);
    else behindOthers = Math.max(behindOthers, group);
  };
  for (const rule of chain) {
    note(lookedAt(rule));
    // Of other operators TX.0 is all there is, and what is negated captures nothing.
    hasCaptured ||= rule.actions.doesCapture && rule.operator?.name === 'rx' && !rule.operator.isNegated;
    note(acted(rule));
  }
  return { behindOwn, behindOthers };
}

/** The highest group that the targets and the argument read. */
function lookedAt({ targets, operator }: Rule): number {
  const ofTargets = targets.map(({ variable, selector }) => {
    if (variable !== 'TX') return 0;
    switch (selector.kind) {
      case 'key':
        return groupOf(selector.key);
      case 'pattern':
        return highestNamedBy(selector.pattern);
      case 'all':
        return GROUP_LAST;
    }
  });
  return Math.max(0, ...ofTargets, operator === undefined ? 0 : expanded(parseMacro(operator.argument)));
}

/** The highest group that the actions read. */
function acted({ actions, disruption }: Rule): number {
  const macros = [
    actions.msg,
    actions.logdata,
    disruption.kind === 'redirect' ? disruption.location : undefined,
    ...actions.setVariables.flatMap(({ key, value }) => [key, value]),
    ...actions.expireVariables.flatMap(({ key, seconds }) => [key, seconds]),
    ...actions.initCollections.map(({ key }) => key),
    ...actions.setEnvironment.map(({ value }) => value),
    ...actions.controls.map((control) => (control.kind === 'requestBodyProcessor' ? control.value : undefined)),
  ];
  return Math.max(
    0,
    ...macros.map((macro) => (macro === undefined ? 0 : expanded(macro))),
    ...actions.setVariables.map(added),
  );
}

/** To add to a variable is to read it. */
function added({ collection, key, change }: Rule['actions']['setVariables'][number]): number {
  if (collection !== 'TX' || change === 'set' || change === 'unset') return 0;
  if (key.constant !== undefined) return groupOf(key.constant);
  // With anything in it that is no digit the name is none of a group, whatever the rest becomes.
  return key.parts.some((part) => typeof part === 'string' && groupOf(part) === 0) ? 0 : GROUP_LAST;
}

function expanded({ parts }: Macro): number {
  const groups = parts.map((part) => {
    if (typeof part === 'string' || part.variable !== 'TX') return 0;
    return part.key === '' ? GROUP_LAST : groupOf(part.key);
  });
  return Math.max(0, ...groups);
}

/** The highest group whose name the pattern finds. */
function highestNamedBy(pattern: string): number {
  const names = regex(pattern, NAME_PATTERN);
  let group = GROUP_LAST;
  while (group > 0 && !names.testBytes(String(group))) group -= 1;
  return group;
}

function groupOf(key: string): number {
  return /^[1-9]$/.test(key) ? Number(key) : 0;
}
