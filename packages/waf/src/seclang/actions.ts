import { transformationOf } from '../transformations/registry.ts';
import { parseControl } from './controls.ts';
import { parseMacro } from './macro.ts';
import type { ActionList, Disruption, Phase } from './rule.ts';
import { parseExpireVariable, parseInitCollection, parseSetVariable } from './variable-actions.ts';

/** Parses the action list of a rule. Problems are sentences; what could be read is in the list all the same. */
export function parseActions(text: string): { readonly actions: ActionList; readonly problems: readonly string[] } {
  const actions = emptyActions();
  const problems: string[] = [];
  for (const { name, value } of splitActions(text)) {
    const problem = applyAction(actions, name.toLowerCase(), value);
    if (problem !== undefined) problems.push(problem);
  }
  return { actions, problems };
}

function emptyActions(): ActionList {
  return {
    id: undefined,
    phase: undefined,
    disruption: undefined,
    status: undefined,
    isLogged: undefined,
    isAudited: undefined,
    msg: undefined,
    logdata: undefined,
    severity: undefined,
    ver: undefined,
    rev: undefined,
    tags: [],
    transformations: [],
    hasOwnTransformations: false,
    setVariables: [],
    expireVariables: [],
    initCollections: [],
    setEnvironment: [],
    controls: [],
    doesCapture: false,
    isMultiMatch: false,
    isChained: false,
    skip: 0,
    skipAfter: undefined,
  };
}

/** What one action does to the list; a sentence when it cannot. Flat: one case per action of the language. */
function applyAction(actions: ActionList, name: string, value: string): string | undefined {
  switch (name) {
    case 'id':
      actions.id = wholeNumber(value);
      return actions.id === undefined ? `id ${value} is not a whole number` : undefined;
    case 'phase':
      actions.phase = phaseOf(value);
      return actions.phase === undefined ? `phase ${value} is none of 1 to 5` : undefined;
    case 'msg':
      actions.msg = parseMacro(value);
      return undefined;
    case 'logdata':
      actions.logdata = parseMacro(value);
      return undefined;
    case 'severity':
      actions.severity = severityOf(value);
      return actions.severity === undefined ? `severity ${value} is none of 0 to 7` : undefined;
    case 'tag':
      actions.tags.push(value);
      return undefined;
    case 'ver':
      actions.ver = value;
      return undefined;
    case 'rev':
      actions.rev = value;
      return undefined;
    case 'maturity':
    case 'accuracy':
      return wholeNumber(value) === undefined ? `${name} ${value} is not a whole number` : undefined;
    case 't':
      return applyTransformation(actions, value);
    case 'log':
    case 'nolog':
      actions.isLogged = name === 'log';
      actions.isAudited ??= name === 'log';
      return undefined;
    case 'auditlog':
    case 'noauditlog':
      actions.isAudited = name === 'auditlog';
      return undefined;
    case 'status':
      actions.status = wholeNumber(value);
      return isStatus(actions.status) ? undefined : `status ${value} is none of 200 to 599`;
    case 'capture':
      actions.doesCapture = true;
      return undefined;
    case 'multimatch':
      actions.isMultiMatch = true;
      return undefined;
    case 'chain':
      actions.isChained = true;
      return undefined;
    case 'skip':
      actions.skip = wholeNumber(value) ?? 0;
      return actions.skip > 0 ? undefined : `skip ${value} is not a whole number above 0`;
    case 'skipafter':
      actions.skipAfter = value;
      return undefined;
    default:
      return applyOther(actions, name, value);
  }
}

function applyOther(actions: ActionList, name: string, value: string): string | undefined {
  const disruption = disruptionOf(name, value);
  if (disruption === undefined) return applyVariableAction(actions, name, value);
  if (typeof disruption === 'string') return disruption;
  actions.disruption = disruption;
  return undefined;
}

function disruptionOf(name: string, value: string): Disruption | string | undefined {
  switch (name) {
    case 'pass':
    case 'block':
    case 'deny':
    case 'drop':
      return { kind: name };
    case 'redirect':
      return value === '' ? 'redirect names no place' : { kind: 'redirect', location: parseMacro(value) };
    case 'allow':
      if (value === '') return { kind: 'allow', scope: 'transaction' };
      if (value === 'phase' || value === 'request') return { kind: 'allow', scope: value };
      return `allow:${value} is neither allow, allow:phase nor allow:request`;
    default:
      return undefined;
  }
}

function applyVariableAction(actions: ActionList, name: string, value: string): string | undefined {
  switch (name) {
    case 'setvar':
      return keep(actions.setVariables, parseSetVariable(value));
    case 'expirevar':
      return keep(actions.expireVariables, parseExpireVariable(value));
    case 'initcol':
      return keep(actions.initCollections, parseInitCollection(value));
    case 'setsid':
    case 'setuid':
    case 'setrsc': {
      const collection = name === 'setsid' ? 'SESSION' : name === 'setuid' ? 'USER' : 'RESOURCE';
      actions.initCollections.push({ collection, key: parseMacro(value) });
      return undefined;
    }
    case 'setenv': {
      const equals = value.indexOf('=');
      if (equals < 1) return `setenv ${value} has no value`;
      actions.setEnvironment.push({ name: value.slice(0, equals), value: parseMacro(value.slice(equals + 1)) });
      return undefined;
    }
    case 'ctl':
      return keep(actions.controls, parseControl(value));
    default:
      return `unknown or unsupported action ${name}`;
  }
}

function keep<Item extends object>(list: Item[], parsed: Item | string): string | undefined {
  if (typeof parsed === 'string') return parsed;
  list.push(parsed);
  return undefined;
}

function applyTransformation(actions: ActionList, name: string): string | undefined {
  actions.hasOwnTransformations ||= name.toLowerCase() === 'none';
  if (name.toLowerCase() === 'none') {
    actions.transformations.length = 0;
    return undefined;
  }
  if (transformationOf(name) === undefined) return `unknown transformation ${name}`;
  actions.transformations.push(name.toLowerCase());
  return undefined;
}

/** Splits at commas outside of single quotation marks; a backslash protects such a mark. */
function splitActions(text: string): { name: string; value: string }[] {
  const found: { name: string; value: string }[] = [];
  for (const piece of text.match(/(?:[^,'\\]|\\[\s\S]|\\$|'(?:[^'\\]|\\[\s\S])*(?:'|$))+/g) ?? []) {
    const trimmed = piece.trim();
    if (trimmed === '') continue;
    const colon = trimmed.indexOf(':');
    const name = colon < 0 ? trimmed : trimmed.slice(0, colon).trim();
    const value = colon < 0 ? '' : trimmed.slice(colon + 1).trim();
    found.push({ name, value: unquoted(value) });
  }
  return found;
}

function unquoted(value: string): string {
  const isQuoted = value.length > 1 && value.startsWith("'") && value.endsWith("'");
  return (isQuoted ? value.slice(1, -1) : value).replaceAll("\\'", "'");
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function isStatus(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status <= 599;
}

function phaseOf(text: string): Phase | undefined {
  return PHASES.get(text.toLowerCase());
}

const PHASES: ReadonlyMap<string, Phase> = new Map<string, Phase>([
  ['1', 1],
  ['2', 2],
  ['3', 3],
  ['4', 4],
  ['5', 5],
  ['request', 2],
  ['response', 4],
  ['logging', 5],
]);

function severityOf(text: string): number | undefined {
  const named = SEVERITIES.indexOf(text.toUpperCase());
  if (named >= 0) return named;
  return /^[0-7]$/.test(text) ? Number(text) : undefined;
}

/** RFC 5424 §6.2.1 as ModSecurity names them, by number. */
const SEVERITIES: readonly string[] = ['EMERGENCY', 'ALERT', 'CRITICAL', 'ERROR', 'WARNING', 'NOTICE', 'INFO', 'DEBUG'];
