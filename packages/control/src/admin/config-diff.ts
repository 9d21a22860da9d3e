import { createHash } from 'node:crypto';
import { describeCertificate, describeParts, type Masks } from '../config/describe.ts';
import type { SallyportConfig } from '../config/parts.ts';
import type { ConfigChange } from './contract.ts';

/** What differs between two configurations, in the order of the file. Shows no secret. */
export function diffConfigs(
  from: SallyportConfig,
  to: SallyportConfig,
): { readonly changes: readonly ConfigChange[]; readonly isCut: boolean } {
  // One set of masks for both: what is equal gets the same words, and what is not gets others.
  const masks = numberedMasks();
  const walk: Walk = { changes: [], isCut: false };
  compare(describeParts(from, masks), describeParts(to, masks), { key: '', walk });
  compareRules(from, to, walk);
  return walk;
}

/** Files of rules may say something else under the same name. */
function compareRules(from: SallyportConfig, to: SallyportConfig, walk: Walk): void {
  const before = rulesOf(from);
  for (const [key, rules] of rulesOf(to)) {
    const old = before.get(key);
    if (old !== undefined && old !== rules) add({ key, walk }, { from: showRules(old), to: showRules(rules) });
  }
}

/** By key, the hash of everything that rules are made of there. */
function rulesOf({ gateway }: SallyportConfig): ReadonlyMap<string, string> {
  const routes = gateway.routes.map(({ name, waf }) => [`routes[${name}].waf.rules`, waf.ruleSet] as const);
  return new Map([['waf.rules', gateway.waf.policy.ruleSet], ...routes]);
}

function showRules(hash: string): string {
  return hash === '' ? '<no rules>' : `<rules, sha256 ${hash.slice(0, 12)}>`;
}

/** Changes that are listed: beyond, it is another configuration. */
const CHANGES_MAX = 500;

/** Characters of a value that are shown. */
const CHANGE_TEXT_MAX = 200;

interface Walk {
  readonly changes: ConfigChange[];
  isCut: boolean;
}

interface Place {
  readonly key: string;
  readonly walk: Walk;
}

type Section = Readonly<Record<string, unknown>>;

/** The depth is that of the schema, and so is bounded. */
function compare(from: unknown, to: unknown, place: Place): void {
  if (isSection(from) && isSection(to)) return compareSections(from, to, place);
  if (Array.isArray(from) && Array.isArray(to)) return compareLists(from, to, place);
  if (JSON.stringify(from) !== JSON.stringify(to)) add(place, { from: show(from), to: show(to) });
}

function compareSections(from: Section, to: Section, { key, walk }: Place): void {
  for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const inner = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name) ? name : JSON.stringify(name);
    compare(from[name], to[name], { key: key === '' ? inner : `${key}.${inner}`, walk });
  }
}

/** Entries are the same when they have the same name, whatever their place. */
function compareLists(from: readonly unknown[], to: readonly unknown[], { key, walk }: Place): void {
  const before = new Map(from.map((item, index) => [nameOf(item, index), item]));
  const after = new Map(to.map((item, index) => [nameOf(item, index), item]));
  const found = walk.changes.length;
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    compare(before.get(name), after.get(name), { key: `${key}[${name}]`, walk });
  }
  const isOnlyOrder = walk.changes.length === found && !walk.isCut;
  if (isOnlyOrder && JSON.stringify(from) !== JSON.stringify(to))
    add({ key, walk }, { from: show(from), to: show(to) });
}

function nameOf(item: unknown, index: number): string {
  if (!isSection(item)) return String(item);
  const name = item['name'] ?? item['url'];
  return typeof name === 'string' ? name : String(index);
}

function add({ key, walk }: Place, change: Pick<ConfigChange, 'from' | 'to'>): void {
  if (walk.changes.length >= CHANGES_MAX) walk.isCut = true;
  else walk.changes.push({ key, ...change });
}

function show(value: unknown): string | null {
  if (value === undefined) return null;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > CHANGE_TEXT_MAX ? `${text.slice(0, CHANGE_TEXT_MAX)}…` : text;
}

function isSection(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Masks that tell two hidden values apart without saying anything about them. */
function numberedMasks(): Masks {
  const secrets = new Map<string, number>();
  const lists: (readonly string[])[] = [];
  const publicText = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12);
  return {
    secret: (value) => {
      const number = secrets.get(value) ?? secrets.size + 1;
      secrets.set(value, number);
      return `<secret ${number}>`;
    },
    certificate: (pem) => `${describeCertificate(pem).slice(0, -1)}, sha256 ${publicText(pem)}>`,
    keys: (jwks) => `<keys, sha256 ${publicText(jwks)}>`,
    networks: (networks) => {
      const known = lists.findIndex((list) => isSameList(list, networks));
      if (known < 0) lists.push(networks);
      return `<${networks.length} networks, list ${known < 0 ? lists.length : known + 1}>`;
    },
  };
}

/** Stops at the first difference, so that two lists of millions cost no more than one look. */
function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((network, index) => network === right[index]);
}
