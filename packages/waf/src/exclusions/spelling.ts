import { Buffer } from 'node:buffer';
import { RegexError, regex } from '@sallyport/regex';
import { parseRuleSelector } from '../seclang/controls.ts';
import type { Selection } from '../seclang/rule.ts';
import { parseSelection } from '../seclang/targets.ts';

/** Text as it stands inside of a rule, or why there is none. */
export type Spelled =
  | { readonly kind: 'spelled'; readonly texts: readonly string[] }
  | { readonly kind: 'problem'; readonly message: string };

/** `Id=1010`, `Tag=^attack$`: the middle of `ctl:ruleRemoveBy...`, one text for each id or range. */
export function spelledRules(rules: { readonly ids: readonly string[] } | { readonly tag: string }): Spelled {
  if ('tag' in rules) {
    if (rules.tag === '') return problem('a tag has at least one character');
    return { kind: 'spelled', texts: [`Tag=^${literal(bytesOf(rules.tag))}$`] };
  }
  if (rules.ids.length === 0) return problem('no rules are named');
  for (const id of rules.ids) {
    const selector = parseRuleSelector('Id', id);
    if (typeof selector === 'string') return problem(selector);
    if (selector.kind === 'id' && selector.ranges.some(({ from, to }) => from > to)) {
      return problem(`${id} is a range that ends before it begins`);
    }
  }
  return { kind: 'spelled', texts: rules.ids.map((id) => `Id=${id}`) };
}

/** `ARGS:name`, spelled so that a name of any bytes is nothing but itself. */
export function spelledTarget(text: string): Spelled {
  const bytes = bytesOf(text);
  const selection = parseSelection(bytes);
  if (typeof selection === 'string') return problem(selection);
  const { variable, selector } = selection;
  switch (selector.kind) {
    case 'all':
      return { kind: 'spelled', texts: [XML_PATHS.get(variable) ?? variable] };
    case 'key':
      // The parser folds case; a pattern has to be given the name as it is.
      return { kind: 'spelled', texts: [`${variable}:${spelledKey(bytes.slice(bytes.indexOf(':') + 1))}`] };
    case 'pattern':
      return spelledPattern(selection, selector.pattern);
  }
}

/** Characters that mean something in SecLang or in a pattern become `\xhh`. */
export function literal(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_]/g, hexEscape);
}

/** A name as a key, or as a pattern where it is not plain: a client may call a parameter anything. */
function spelledKey(text: string): string {
  const key = /^'.+'$/s.test(text) ? text.slice(1, -1) : text;
  return /^[\w.-]+$/.test(key) ? key : `/(?i)^${literal(key)}$/`;
}

const XML_PATHS: ReadonlyMap<string, string> = new Map([
  ['XML', 'XML:/*'],
  ['XML_ATTRIBUTES', 'XML://@*'],
]);

function spelledPattern({ variable }: Selection, pattern: string): Spelled {
  try {
    regex(pattern, { dialect: 'modsecurity' });
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    return problem(error.message);
  }
  // Inside of a pattern these mean themselves with and without a backslash; around it they would end a word.
  const spelled = pattern.replaceAll(/\\\\|\\?["'/]|\\?[^\x20-\x7e]/g, (piece) => hexEscape(piece.slice(-1)));
  return { kind: 'spelled', texts: [`${variable}:/${spelled}/`] };
}

/** A configuration is Unicode; rules and requests are bytes. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function hexEscape(char: string): string {
  return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function problem(message: string): Spelled {
  return { kind: 'problem', message };
}
