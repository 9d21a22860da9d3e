import { isCollection, VARIABLES } from '../variables/names.ts';
import type { Selection, Selector, Target } from './rule.ts';

/** What the first word of a SecRule says. */
export interface TargetList {
  readonly targets: readonly Target[];
  readonly exclusions: readonly Selection[];
}

/** Parses `ARGS|!ARGS:/^utm_/|&TX:name`. Gives a sentence about the problem instead when it cannot. */
export function parseTargets(text: string): TargetList | string {
  const targets: Target[] = [];
  const exclusions: Selection[] = [];
  for (const piece of piecesOf(text)) {
    const mark = piece.startsWith('!') || piece.startsWith('&') ? piece.charAt(0) : '';
    const selection = parseSelection(piece.slice(mark.length));
    if (typeof selection === 'string') return selection;
    if (mark === '!') exclusions.push(selection);
    else targets.push({ ...selection, isCount: mark === '&' });
  }
  return { targets, exclusions };
}

/** Parses one `NAME`, `NAME:key` or `NAME:/pattern/`. */
export function parseSelection(text: string): Selection | string {
  const colon = text.indexOf(':');
  const variable = (colon < 0 ? text : text.slice(0, colon)).toUpperCase();
  const key = colon < 0 ? '' : text.slice(colon + 1);
  if (!VARIABLES.has(variable)) return `unknown variable ${variable}`;
  if (variable === 'XML') return xmlSelection(key);
  const selector = selectorOf(key);
  if (selector.kind !== 'all' && !isCollection(variable)) return `${variable} has no keys`;
  return { variable, selector };
}

function selectorOf(key: string): Selector {
  const bare = key.length > 1 && key.startsWith("'") && key.endsWith("'") ? key.slice(1, -1) : key;
  if (bare === '') return { kind: 'all' };
  const isPattern = bare.length > 1 && bare.startsWith('/') && bare.endsWith('/');
  if (isPattern) return { kind: 'pattern', pattern: bare.slice(1, -1).replaceAll('\\/', '/') };
  return { kind: 'key', key: bare.toLowerCase() };
}

/** The two paths that rule sets use: every text, and every attribute. */
function xmlSelection(path: string): Selection | string {
  if (path === '/*' || path === '//*') return { variable: 'XML', selector: { kind: 'all' } };
  if (path === '//@*') return { variable: 'XML_ATTRIBUTES', selector: { kind: 'all' } };
  return `XML is read by /* and //@*, not by ${path === '' ? 'no path' : path}`;
}

/** Splits at `|`, but not inside of a pattern or of quotation marks. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let piece = '';
  let closing = '';
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    const isEscaped = text[index - 1] === '\\';
    if (char === '|' && closing === '') {
      pieces.push(piece.trim());
      piece = '';
      continue;
    }
    const opens = closing === '' && piece.endsWith(':') && !/^[!&]?XML:$/i.test(piece.trim());
    if (opens && (char === '/' || char === "'")) closing = char;
    else if (char === closing && !isEscaped && (index + 1 === text.length || text[index + 1] === '|')) closing = '';
    piece += char;
  }
  pieces.push(piece.trim());
  return pieces.filter((one) => one !== '');
}
