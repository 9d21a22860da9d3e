import type { MatchedRule, MatchedValue } from '../engine/outcome.ts';

/** Hides what is secret in the explanation of one transaction. */
export interface Mask {
  /** The text of a value, or a note in its place; parts of it may be hidden. */
  value(matched: MatchedValue, text: string): string;
  /** The message of a rule, into which macros may have put pieces of values. */
  prose(rule: MatchedRule, text: string): string;
  /** What a rule records about its match, which is made of values. */
  data(rule: MatchedRule, text: string): string;
}

/** What stands in the place of a secret. */
const MASKED = '[masked]';

/**
 * Knows the secrets among what rules matched: credentials and cookies, and fields whose names say so. What a rule copied out
 * of one (TX, MATCHED_VAR) or wrote into its message is hidden as well.
 *
 * @param rules All that matched, also those of which nothing is told: a rule that is not logged may be the one that copied.
 * @param secretNames Further names of fields that hold secrets, in any case.
 */
export function maskFor(rules: readonly MatchedRule[], secretNames: readonly string[]): Mask {
  const own = new Set(secretNames.map((name) => name.toLowerCase()));
  const { texts, isCut } = secretTexts(rules, own);
  const secrets = [...new Set(texts.map(folded))].filter((text) => text.length >= PIECE_LENGTH_MIN);
  // Comparing all of them would cost the product of both sides, and a client chooses both: then nothing copied is shown.
  const isTooMuch = isCut || secrets.length > SECRETS_MAX || texts.some((text) => text.length > COMPARED_LENGTH_MAX);
  const isPiece = (text: string): boolean => {
    if (!isTooMuch && secrets.length === 0) return false;
    const piece = folded(text);
    if (piece.length < PIECE_LENGTH_MIN) return false;
    return isTooMuch || secrets.some((secret) => secret.includes(piece) || piece.includes(secret));
  };
  const isSecret = (name: string, text: string): boolean => isSecretField(name, own) || (isCopy(name) && isPiece(text));
  // What a rule says may hold what it saw, also where that was a copy.
  const holdsSecret = ({ values }: MatchedRule): boolean =>
    values.some(
      ({ name, value, transformed }) =>
        isSecretField(name, own) || (isCopy(name) && (isPiece(value) || isPiece(transformed))),
    );
  return {
    value: ({ name }, text) => (isSecret(name, text) ? MASKED : withoutInnerSecrets(text, own)),
    prose: (rule, text) => {
      const cut = withoutInnerSecrets(text, own);
      if (!holdsSecret(rule)) return cut;
      return isTooMuch ? MASKED : cut.replaceAll(/[\w\x80-\xff]+/g, (word) => (isPiece(word) ? MASKED : word));
    },
    data: (rule, text) => (holdsSecret(rule) && text !== '' ? MASKED : withoutInnerSecrets(text, own)),
  };
}

/** What secret fields held that rules matched; `isCut` where there was more than is looked at. */
function secretTexts(
  rules: readonly MatchedRule[],
  secretNames: ReadonlySet<string>,
): { readonly texts: readonly string[]; readonly isCut: boolean } {
  const known = new Map<string, boolean>();
  const texts: string[] = [];
  let left = VALUES_SOUGHT_MAX;
  for (const { values } of rules) {
    if (values.length > left) return { texts, isCut: true };
    left -= values.length;
    for (const { name, value, transformed } of values) {
      // Most of what matches is a setting: these are not asked about one by one.
      if (name.startsWith('TX:')) continue;
      const isSecret = known.get(name) ?? isSecretField(name, secretNames);
      known.set(name, isSecret);
      if (isSecret) texts.push(value, transformed);
    }
  }
  return { texts, isCut: false };
}

/** True for `REQUEST_HEADERS:Authorization`, `ARGS:json.user.password`; not for the name of such a field or a count. */
function isSecretField(name: string, secretNames: ReadonlySet<string> = new Set()): boolean {
  const colon = name.indexOf(':');
  const collection = colon < 0 ? name : name.slice(0, colon);
  if (collection.startsWith('&') || collection.endsWith('_NAMES') || NEVER_SECRET.has(collection)) return false;
  if (collection === 'REQUEST_COOKIES') return true;
  return colon >= 0 && isSecretName(name.slice(colon + 1, colon + 1 + COMPARED_LENGTH_MAX), secretNames);
}

function isSecretName(name: string, secretNames: ReadonlySet<string>): boolean {
  return SECRET_NAME.test(name) || secretNames.has(name.toLowerCase());
}

const SECRET_NAME =
  /pass(?:wo?r?d|phrase|code)|pwd|secret|token|api[-_.]?key|(?:private|access|secret)[-_.]?key|credential|authorization|cookie|sess(?:ion)?[-_.]?id|csrf|xsrf|signature|jwt|(?:^|[^a-z])(?:pass|pw|pin|otp|sid|cvv|cvc|auth)(?:$|[^a-z])/i;

/** What a rule, not a client, gave its name; and headers of parts, which are named like the field and hold none of it. */
const NEVER_SECRET: ReadonlySet<string> = new Set([
  'TX',
  'MATCHED_VARS',
  'MULTIPART_PART_HEADERS',
  'RULE',
  'FILES_SIZES',
]);

/** Variables that hold what was somewhere else before. */
function isCopy(name: string): boolean {
  return /^(?:TX|MATCHED_VARS?|IP|SESSION|USER|GLOBAL|RESOURCE|ENV)\b/.test(name);
}

/** A body, a query or a log line holds fields of its own: `a=1&password=...`, `{"token": "..."}`, `Bearer ...`. */
function withoutInnerSecrets(text: string, secretNames: ReadonlySet<string>): string {
  const cut = withoutTokens(text);
  // A name is found between bytes that are no letters, so what finds it alone finds it here as well.
  if (secretNames.size === 0 && !SECRET_NAME.test(cut)) return cut;
  let masked = '';
  let from = 0;
  for (const { 0: beginning, 1: name = '', index } of cut.matchAll(INNER_NAME)) {
    if (index < from || !isSecretName(name, secretNames)) continue;
    const valueAt = index + beginning.length;
    const [value = ''] = INNER_VALUE.exec(cut.slice(valueAt)) ?? [];
    masked += `${cut.slice(from, valueAt)}${MASKED}`;
    from = valueAt + value.length;
  }
  return masked + cut.slice(from);
}

/** What is shown of a text at most, without tokens in it. */
function withoutTokens(text: string): string {
  const cut = text.slice(0, COMPARED_LENGTH_MAX);
  if (!/bearer|basic|eyj/i.test(cut)) return cut;
  const masked = cut
    .replaceAll(/\b(Bearer|Basic)[\s+]+[\w.~+/=-]+/gi, `$1 ${MASKED}`)
    .replaceAll(/\beyj[\w-]{8,}\.[\w-]+\.[\w-]*/gi, MASKED);
  return cut.length < text.length ? withoutCutToken(masked) : masked;
}

/** Of a token that goes on behind the cut, what tells it from other words may stand there. */
function withoutCutToken(text: string): string {
  let at = text.length;
  while (at > 0 && /[\w.-]/.test(text.charAt(at - 1))) at -= 1;
  const begin = text.slice(at).search(/\beyj[\w-]{8}/i);
  return begin < 0 ? text : `${text.slice(0, at + begin)}${MASKED}`;
}

/** A name at the beginning of a word, with what separates it from its value. */
const INNER_NAME = /(?<![\w.%[\]-])([\w.%[\]-]{1,128})["']?\s{0,8}(?:[=:]|%3d|%3a)\s{0,8}/gi;

/** In quotation marks, or up to where the next field may begin. */
const INNER_VALUE = /^(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^&"'<>\n]+)/s;

function folded(text: string): string {
  return text.slice(0, COMPARED_LENGTH_MAX).toLowerCase();
}

/** Bytes of a text that are compared and kept: a little more than is ever shown. */
const COMPARED_LENGTH_MAX = 600;

/** Matched values among which secrets are sought: hundreds of rules may each have matched dozens. */
const VALUES_SOUGHT_MAX = 4_096;

/** Secrets that copies are compared with. */
const SECRETS_MAX = 16;

/** A shorter piece says nothing, and is in every word. */
const PIECE_LENGTH_MIN = 3;
