/** A media type without its parameters, in lower case. */
export interface MediaType {
  readonly type: string;
  readonly subtype: string;
}

/**
 * Parses the value of a Content-Type field (RFC 9110 §8.3.1); undefined when it is not exactly one media type.
 *
 * Strict to the end of the value: `text/plain, application/json` or a broken parameter is read differently by different
 * servers, and a client that sends it wants that. Linear in the length of the value.
 */
export function parseMediaType(value: string): MediaType | undefined {
  const slash = endOfToken(value, 0);
  if (slash === 0 || value[slash] !== '/') return undefined;
  const end = endOfToken(value, slash + 1);
  if (end === slash + 1 || endOfParameters(value, end) !== value.length) return undefined;
  return { type: value.slice(0, slash).toLowerCase(), subtype: value.slice(slash + 1, end).toLowerCase() };
}

/** True when the pattern (`text/html`, `text/*`, lower case) names the media type. */
export function isMediaTypeMatch(pattern: string, { type, subtype }: MediaType): boolean {
  return pattern === `${type}/*` || pattern === `${type}/${subtype}`;
}

/** RFC 9110 §5.6.6: `*( OWS ";" OWS [ parameter ] )`. Returns where it stops matching. */
function endOfParameters(value: string, from: number): number {
  let at = from;
  while (at < value.length) {
    const semicolon = skipSpace(value, at);
    if (value[semicolon] !== ';') return at;
    const name = skipSpace(value, semicolon + 1);
    const equals = endOfToken(value, name);
    if (equals === name) {
      // `text/plain;` and `a/b;;c=d` are allowed: a parameter may be missing.
      at = name;
      continue;
    }
    if (value[equals] !== '=') return at;
    const end = endOfParameterValue(value, equals + 1);
    if (end === equals + 1) return at;
    at = end;
  }
  return at;
}

function endOfParameterValue(value: string, from: number): number {
  return value[from] === '"' ? endOfQuotedString(value, from) : endOfToken(value, from);
}

/** RFC 9110 §5.6.4. Returns the index behind the closing quote, or `from` when there is none. */
function endOfQuotedString(value: string, from: number): number {
  for (let at = from + 1; at < value.length; at += 1) {
    if (value[at] === '"') return at + 1;
    if (value[at] === '\\') at += 1;
  }
  return from;
}

function endOfToken(value: string, from: number): number {
  let at = from;
  while (at < value.length && isTokenCharacter(value.charCodeAt(at))) at += 1;
  return at;
}

/** OWS: space and horizontal tab. */
function skipSpace(value: string, from: number): number {
  let at = from;
  while (value[at] === ' ' || value[at] === '\t') at += 1;
  return at;
}

/** `tchar` of RFC 9110 §5.6.2. */
function isTokenCharacter(code: number): boolean {
  return code < 128 && TOKEN_CHARACTERS[code] === 1;
}

const TOKEN_CHARACTERS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) =>
  /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)) ? 1 : 0,
);
