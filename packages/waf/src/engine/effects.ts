import { wholeNumberOf } from '../operators/numeric.ts';
import type { ActionList, InitCollection, SetVariable } from '../seclang/rule.ts';
import { type Collection, Value } from './collection.ts';
import type { State } from './state.ts';

/** What a match adds to variables of TX. */
export type Score = { readonly variable: string; readonly added: number };

/** Runs what a rule does on every matching value: variables, collections, controls, in the order of ModSecurity. */
export function runEffects(actions: ActionList, state: State, scores: Score[]): void {
  for (const control of actions.controls) state.applyControl(control);
  for (const init of actions.initCollections) initCollection(init, state);
  for (const change of actions.setVariables) setVariable(change, state, scores);
  for (const { collection, key, seconds } of actions.expireVariables) {
    const atMs = state.context.clock.wallMs() + wholeNumberOf(state.variables.expand(seconds)) * 1_000;
    state.persistent.get(collection)?.changes.push({ kind: 'expire', key: state.variables.expand(key), atMs });
  }
  for (const { name, value } of actions.setEnvironment) {
    state.variables.open('ENV').set(name, state.variables.expand(value));
  }
}

/** Gives the collections of this transaction back to the store. */
export function mergePersistent(state: State): void {
  if (state.persistent.size === 0) return;
  const timeoutMs = state.settings.collectionTimeoutSeconds * 1_000;
  const nowMs = state.context.clock.wallMs();
  for (const { name, changes } of state.persistent.values()) {
    state.context.persistence.merge(name, changes, { nowMs, timeoutMs });
  }
  state.persistent.clear();
}

function initCollection({ collection, key }: InitCollection, state: State): void {
  const name = { collection, key: state.variables.expand(key) };
  // The first name holds: a second one would merge what was done to one client into another.
  if (state.persistent.has(collection)) return;
  state.persistent.set(collection, { name, changes: [] });
  const values = state.variables.open(collection);
  const stored = state.context.persistence.load(name, state.context.clock.wallMs());
  for (const [one, { text }] of stored) values.set(one, text);
}

function setVariable({ collection, key, change, value }: SetVariable, state: State, scores: Score[]): void {
  const persistent = state.persistent.get(collection);
  // ModSecurity too ignores a collection that no initcol has opened.
  if (collection !== 'TX' && persistent === undefined) return;
  const values = state.variables.open(collection);
  const name = state.variables.expand(key);
  const text = state.variables.expand(value);
  switch (change) {
    case 'unset':
      values.unset(name.toLowerCase());
      persistent?.changes.push({ kind: 'unset', key: name });
      break;
    case 'set':
      values.set(name, text);
      persistent?.changes.push({ kind: 'set', key: name, text });
      break;
    case 'add':
    case 'subtract': {
      const amount = wholeNumberOf(text) * (change === 'add' ? 1 : -1);
      const changed = addTo(values, name, amount);
      persistent?.changes.push({ kind: 'add', key: name, amount });
      if (collection === 'TX') scores.push({ variable: changed, added: amount });
      break;
    }
  }
}

/** Returns the name in lower case. */
function addTo(values: Collection, name: string, amount: number): string {
  const lower = name.toLowerCase();
  values.put(lower, new Value(name, String(wholeNumberOf(values.first(lower) ?? '') + amount)));
  return lower;
}
