import { hexByte } from '../transformations/hex.ts';

/** The parts of a request target. They are cut before anything is decoded, so that no `%3F` can move the border. */
export interface RequestTarget {
  /** Path and query as they came, without scheme and authority. */
  readonly uri: string;
  /** Percent-decoded once (RFC 3986 §2.1), as the server behind the gateway will see it. */
  readonly path: string;
  /** Behind the last `/` or `\` of the path. */
  readonly basename: string;
  /** Behind the first `?`; '' without one. */
  readonly query: string;
}

/**
 * Splits a request target (RFC 9112 §3.2). Never by a URL class: `//host/path` is a path here, because that is what the
 * server behind the gateway takes it for (CVE-2025-29914).
 */
export function splitTarget(target: string): RequestTarget {
  const uri = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/, '');
  const mark = uri.indexOf('?');
  const path = percentDecoded(mark < 0 ? uri : uri.slice(0, mark));
  const slash = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  return { uri, path, basename: path.slice(slash + 1), query: mark < 0 ? '' : uri.slice(mark + 1) };
}

/** RFC 3986 §2.1. What is no triplet stays. */
export function percentDecoded(text: string): string {
  return text.replaceAll(/%[0-9A-Fa-f]{2}/g, (triplet) => String.fromCharCode(hexByte(triplet, 1)));
}
