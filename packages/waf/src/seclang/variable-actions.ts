import { PERSISTENT_COLLECTIONS } from '../variables/names.ts';
import { parseMacro } from './macro.ts';
import type { ExpireVariable, InitCollection, SetVariable } from './rule.ts';

/** Parses `tx.name=value`, `tx.name=+1`, `tx.name=-1`, `!tx.name` and `tx.name`, which is 1. */
export function parseSetVariable(text: string): SetVariable | string {
  const isUnset = text.startsWith('!');
  const body = isUnset ? text.slice(1) : text;
  const equals = equalsOutsideMacros(body);
  const name = (equals < 0 ? body : body.slice(0, equals)).trim();
  const dot = name.search(/[.:]/);
  const collection = (dot < 0 ? name : name.slice(0, dot)).toUpperCase();
  if (dot < 1 || dot === name.length - 1) return `setvar ${text} names no variable of a collection`;
  if (!isWritable(collection)) return `setvar cannot write to ${collection}`;
  const key = parseMacro(name.slice(dot + 1));
  if (isUnset) return { collection, key, change: 'unset', value: parseMacro('') };
  const value = equals < 0 ? '1' : body.slice(equals + 1);
  const change = value.startsWith('+') ? 'add' : value.startsWith('-') ? 'subtract' : 'set';
  return { collection, key, change, value: parseMacro(change === 'set' ? value : value.slice(1)) };
}

/** Parses `ip.name=60`. */
export function parseExpireVariable(text: string): ExpireVariable | string {
  const equals = equalsOutsideMacros(text);
  const name = equals < 0 ? text : text.slice(0, equals);
  const dot = name.search(/[.:]/);
  const collection = name.slice(0, Math.max(dot, 0)).toUpperCase();
  if (dot < 1 || equals < 0) return `expirevar ${text} is not collection.name=seconds`;
  if (!isWritable(collection)) return `expirevar cannot write to ${collection}`;
  return { collection, key: parseMacro(name.slice(dot + 1)), seconds: parseMacro(text.slice(equals + 1)) };
}

/** Parses `ip=%{REMOTE_ADDR}`. */
export function parseInitCollection(text: string): InitCollection | string {
  const equals = text.indexOf('=');
  const collection = text.slice(0, Math.max(equals, 0)).toUpperCase();
  if (!PERSISTENT_COLLECTIONS.has(collection)) return `initcol ${text} names no persistent collection`;
  return { collection, key: parseMacro(text.slice(equals + 1)) };
}

function isWritable(collection: string): boolean {
  return collection === 'TX' || PERSISTENT_COLLECTIONS.has(collection);
}

function equalsOutsideMacros(text: string): number {
  let isInside = false;
  for (let index = 0; index < text.length; index += 1) {
    if (text.startsWith('%{', index)) isInside = true;
    else if (text[index] === '}') isInside = false;
    else if (text[index] === '=' && !isInside) return index;
  }
  return -1;
}
