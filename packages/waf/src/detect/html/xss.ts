import { type ByteText, ownText, sharedText } from '../bytes.ts';
import { decodedPrefix } from './decode.ts';
import {
  ACTIVE_ATTRIBUTES,
  ACTIVE_ELEMENTS,
  DOCUMENT_SCHEMES,
  INERT_DATA,
  SCRIPT_SCHEMES,
  TEXT_ELEMENTS,
  URL_ATTRIBUTES,
} from './names.ts';
import { breaksOutOfScript } from './script.ts';
import { type HtmlAttribute, type HtmlContext, HtmlReading } from './tokens.ts';

/** What makes a value run script in a page. */
export type HtmlStructure = 'element' | 'event' | 'url' | 'style' | 'attribute' | 'markup' | 'script';

/** Why a value is an injection into HTML, and what it took to find out. */
export interface HtmlFinding {
  readonly structure: HtmlStructure | undefined;
  readonly context: HtmlContext;
  /** Bytes looked at, in all places. */
  readonly steps: number;
}

/** Reads the value in each place of a page where an application may write it. */
export function inspectHtml(value: string): HtmlFinding {
  if (!MAY_BE_HTML.test(value)) return NOTHING;
  const work = { steps: 0 };
  const structure = urlOf(value);
  if (structure !== undefined) return { structure, context: 'unquoted', steps: value.length };
  const contexts = contextsOf(value);
  if (contexts.length === 0) return inScript(value, work);
  const text = sharedText(value);
  for (const context of contexts) {
    const place = new Place(text, context);
    place.advance(Number.POSITIVE_INFINITY, work);
    if (place.structure !== undefined) return { structure: place.structure, context, steps: work.steps };
  }
  return inScript(value, work);
}

/** As `inspectHtml`, with pauses, before each of which the steps so far are added to `work`. */
export function* htmlInParts(value: string, work: { steps: number }): Generator<undefined, HtmlFinding> {
  if (!MAY_BE_HTML.test(value)) return NOTHING;
  const structure = urlOf(value);
  if (structure !== undefined) return { structure, context: 'unquoted', steps: value.length };
  const text = ownText(value);
  for (const context of contextsOf(value)) {
    const place = new Place(text, context);
    while (!place.advance(PAUSE_STEPS, work)) yield;
    if (place.structure !== undefined) return { structure: place.structure, context, steps: work.steps };
    yield;
  }
  return inScript(value, work);
}

const NOTHING: HtmlFinding = { structure: undefined, context: 'data', steps: 0 };

/** A value in one place, and the first structure in it. */
class Place {
  structure: HtmlStructure | undefined;
  readonly #reading: HtmlReading;
  #counted = 0;

  constructor(text: ByteText, context: HtmlContext) {
    this.#reading = new HtmlReading(text, context, {
      element: (name, isEnd) => this.#note(elementStructure(name, isEnd)),
      attribute: (attribute) => this.#note(attributeStructure(attribute)),
      markup: (text) => this.#note(markupStructure(text)),
    });
  }

  /** Reads on, about so many steps, which it adds to `work`; true when that is all. */
  advance(steps: number, work: { steps: number }): boolean {
    const isRead = this.#reading.advance(steps);
    work.steps += this.#reading.steps - this.#counted;
    this.#counted = this.#reading.steps;
    return isRead;
  }

  #note(structure: HtmlStructure | undefined): boolean {
    this.structure = structure;
    return structure !== undefined;
  }
}

/** Between two pauses, some milliseconds. */
const PAUSE_STEPS = 65_536;

function inScript(value: string, work: { steps: number }): HtmlFinding {
  const context = breaksOutOfScript(value);
  work.steps += value.length;
  return { structure: context && 'script', context: context ?? 'data', steps: work.steps };
}

/** The value as the address of a link. Every scheme ends with a colon, which may be written as a reference. */
function urlOf(value: string): HtmlStructure | undefined {
  return HAS_COLON.test(value) ? urlStructure(value, 'href', false) : undefined;
}

const HAS_COLON = /[:&]/;

/** Behind a quote that prose has, too, only markup or an attribute with a value does anything. */
function contextsOf(value: string): readonly HtmlContext[] {
  return HAS_MARKUP.test(value) ? CONTEXTS.filter((context) => value.includes(NEEDS[context])) : NO_CONTEXTS;
}

const HAS_MARKUP = /[<=]/;
const NO_CONTEXTS: readonly HtmlContext[] = [];

const CONTEXTS: readonly HtmlContext[] = ['data', 'flat', 'tag', 'unquoted', 'single', 'double', 'backquote'];

/** Without this sign a value leaves the place it stands in nowhere. */
const NEEDS: Readonly<Record<HtmlContext, string>> = {
  data: '<',
  flat: '<',
  tag: '=',
  unquoted: '=',
  single: "'",
  double: '"',
  backquote: '`',
};

/** Markup, an attribute, a scheme or a call, which a template is as well; most values have none of their signs. */
const MAY_BE_HTML = /[<=:&(`]/;

function elementStructure(name: string, isEnd: boolean): HtmlStructure | undefined {
  if (isEnd) return TEXT_ELEMENTS.has(name) ? 'element' : undefined;
  const local = name.slice(name.indexOf(':') + 1);
  const isActive = ACTIVE_ELEMENTS.has(local) || /^(?:script|xsl|svg|iframe)/.test(local);
  return isActive ? 'element' : undefined;
}

function attributeStructure({ name, value, isInside }: HtmlAttribute): HtmlStructure | undefined {
  // Base64 ends with signs that are no script: `/onkjfw==`.
  if (isEventName(name) && (isInside || SCRIPT_SIGN.test(value.replace(/^=+/, '')))) return 'event';
  if (isInside && (ACTIVE_ATTRIBUTES.has(name) || name.startsWith('xmlns:'))) return 'attribute';
  if (name === 'style' && (isInside || STYLE_SIGN.test(value))) return STYLE_SIGN.test(value) ? 'style' : undefined;
  return urlStructure(value, name, isInside);
}

/** `on` and the letters of an event; browsers add events faster than lists follow, so the rule is the prefix. */
function isEventName(name: string): boolean {
  return name.length >= EVENT_NAME_LENGTH_MIN && /^[^a-z]*on[a-z]{3,}/.test(name);
}

const EVENT_NAME_LENGTH_MIN = 5;

/** What a handler has and prose has not. */
const SCRIPT_SIGN = /[(=`;[\].'"&]/;

/** Style that loads or runs something. */
const STYLE_SIGN = /expression|behaviou?r|binding|url\s*\(|import|javascript|script|\\|&#|\/\*/i;

/** A scheme is at most this long when the references in it are decoded, in characters. */
const SCHEME_LENGTH_MAX = 48;

function urlStructure(value: string, name: string, isInside: boolean): HtmlStructure | undefined {
  if (!mayHaveScheme(value)) return undefined;
  const url = decodedPrefix(value, SCHEME_LENGTH_MAX)
    .replaceAll(/[ \u007f-\u00ff]/g, '')
    .replace(/^["'`]+/, '');
  if (SCRIPT_SCHEMES.some((scheme) => url.startsWith(scheme) && (isInside || SCRIPT_SIGN.test(url)))) return 'url';
  if (!isInside || !URL_ATTRIBUTES.has(name)) {
    return /^data:(?:text\/html|image\/svg|application\/x)/.test(url) ? 'url' : undefined;
  }
  if (!DOCUMENT_SCHEMES.some((scheme) => url.startsWith(scheme))) return undefined;
  return INERT_DATA.some((type) => url.startsWith(`data:${type}`)) ? undefined : 'url';
}

/** False for most values of most attributes, of which a page may have a hundred thousand: nothing is decoded for them. */
function mayHaveScheme(value: string): boolean {
  let at = 0;
  let sign: number | undefined = SIGN.quote;
  for (; at < value.length; at++) {
    sign = SCHEME_SIGNS[value.charCodeAt(at)];
    if (sign !== SIGN.passedOver && sign !== SIGN.quote) break;
  }
  return sign === SIGN.first && SCHEMES.some((scheme) => mayBegin(value, at, scheme));
}

/** True when the value goes on at `from` as the scheme, or as far as that with a reference behind. */
function mayBegin(value: string, from: number, scheme: string): boolean {
  let matched = 0;
  for (let at = from; at < value.length && matched < scheme.length; at++) {
    const code = value.charCodeAt(at);
    if (code === 0x26) return true;
    if (SCHEME_SIGNS[code] === SIGN.passedOver) continue;
    if ((code | 0x20) !== scheme.charCodeAt(matched)) return false;
    matched++;
  }
  return matched === scheme.length;
}

const SCHEMES = [...SCRIPT_SCHEMES, ...DOCUMENT_SCHEMES];

/** What `urlStructure` passes over anywhere, and in front; what a scheme begins with. */
const SIGN = { other: 0, passedOver: 1, quote: 2, first: 3 } as const;
const SCHEME_SIGNS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte <= 0x20 || byte >= 0x7f) return SIGN.passedOver;
  if (byte === 0x22 || byte === 0x27 || byte === 0x60) return SIGN.quote;
  const letter = String.fromCharCode(byte).toLowerCase();
  return letter === '&' || SCHEMES.some((scheme) => scheme.startsWith(letter)) ? SIGN.first : SIGN.other;
});

function markupStructure(text: string): HtmlStructure | undefined {
  // A back quote in a comment begins an attribute for old readers.
  const isActive = MARKUP_SIGN.test(text) || (text.startsWith('!--') && text.includes('`'));
  return isActive ? 'markup' : undefined;
}

/** Declarations, instructions, conditional comments and server-side includes. */
const MARKUP_SIGN = /^(?:!(?:doctype|entity|\[cdata|element|attlist)|\?(?:xml|import|php|=|\s)|!--\s*(?:\[if|#[a-z]))/i;
