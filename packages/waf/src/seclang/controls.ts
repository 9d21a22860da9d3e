import { parseMacro } from './macro.ts';
import type { Control, IdRange, RuleSelector } from './rule.ts';
import { parseSelection } from './targets.ts';

/** Parses the argument of `ctl:`. Gives a sentence instead when it cannot. */
export function parseControl(text: string): Control | string {
  const equals = text.indexOf('=');
  const name = text.slice(0, Math.max(equals, 0));
  const value = text.slice(equals + 1);
  switch (name.toLowerCase()) {
    case 'ruleremovebyid':
    case 'ruleremovebytag':
    case 'ruleremovebymsg': {
      const rules = parseRuleSelector(name.slice('ruleRemoveBy'.length), value);
      return typeof rules === 'string' ? rules : { kind: 'remove', rules };
    }
    case 'ruleremovetargetbyid':
    case 'ruleremovetargetbytag':
    case 'ruleremovetargetbymsg':
      return parseRemoveTarget(name.slice('ruleRemoveTargetBy'.length), value);
    case 'ruleengine':
      return value === 'On' || value === 'Off' || value === 'DetectionOnly'
        ? { kind: 'engine', value }
        : `ctl:ruleEngine=${value} is none of On, Off, DetectionOnly`;
    case 'auditengine':
    case 'auditlogparts':
      return { kind: 'auditEngine' };
    case 'requestbodyprocessor':
      return { kind: 'requestBodyProcessor', value: parseMacro(value) };
    case 'forcerequestbodyvariable':
      return switchOf(name, value, (isOn) => ({ kind: 'forceRequestBodyVariable', value: isOn }));
    case 'requestbodyaccess':
      return switchOf(name, value, (isOn) => ({ kind: 'requestBodyAccess', value: isOn }));
    case 'responsebodyaccess':
      return switchOf(name, value, (isOn) => ({ kind: 'responseBodyAccess', value: isOn }));
    default:
      return `unknown or unsupported ctl:${name}`;
  }
}

/** Which rules: by id (numbers and ranges), tag or message (the patterns of regular expressions). */
export function parseRuleSelector(by: string, value: string): RuleSelector | string {
  if (value === '') return 'no rules are named';
  if (by.toLowerCase() === 'tag') return { kind: 'tag', pattern: value };
  if (by.toLowerCase() === 'msg') return { kind: 'msg', pattern: value };
  const ranges: IdRange[] = [];
  for (const piece of value.split(/[\s,]+/)) {
    const found = /^(\d{1,15})(?:-(\d{1,15}))?$/.exec(piece);
    if (found === null) return `${piece} is neither a rule id nor a range of them`;
    const from = Number(found[1]);
    ranges.push({ from, to: found[2] === undefined ? from : Number(found[2]) });
  }
  return { kind: 'id', ranges };
}

function parseRemoveTarget(by: string, value: string): Control | string {
  const semicolon = value.indexOf(';');
  if (semicolon < 0) return 'ctl:ruleRemoveTarget... names no target';
  const rules = parseRuleSelector(by, value.slice(0, semicolon));
  if (typeof rules === 'string') return rules;
  const target = parseSelection(value.slice(semicolon + 1).trim());
  return typeof target === 'string' ? target : { kind: 'removeTarget', rules, target };
}

function switchOf(name: string, value: string, control: (isOn: boolean) => Control): Control | string {
  const folded = value.toLowerCase();
  return folded === 'on' || folded === 'off' ? control(folded === 'on') : `ctl:${name}=${value} is neither On nor Off`;
}
