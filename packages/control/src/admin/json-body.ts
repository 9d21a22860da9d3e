import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from './problem.ts';

export type ReadBody = { readonly kind: 'json'; readonly value: unknown } | Refusal;

/**
 * Reads a body of JSON, of which nothing is known but that somebody sent it. Never throws. A body that comes too slowly is
 * ended by the server's deadline for whole requests; the promise is kept with a refusal that nobody reads.
 */
export async function readJsonBody(request: IncomingMessage): Promise<ReadBody> {
  if (!isJson(request.headers['content-type'])) {
    return refuse('BODY_TYPE', 'the body has to be application/json');
  }
  if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return TOO_LARGE;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      if (!Buffer.isBuffer(chunk)) return refuse('BODY_INVALID', 'the body is not bytes');
      length += chunk.length;
      if (length > BODY_BYTES_MAX) return TOO_LARGE;
      chunks.push(chunk);
    }
  } catch {
    return refuse('BAD_REQUEST', 'the body broke off');
  }
  return parseJson(Buffer.concat(chunks, length));
}

/** Parses JSON of bounded depth without names that other code could take for something else. */
export function parseJson(bytes: Buffer): ReadBody {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('BODY_INVALID', 'the body is not valid UTF-8');
  }
  if (depthOf(text) > BODY_DEPTH_MAX) return refuse('BODY_INVALID', 'the body is nested too deeply');
  let hasForbiddenName = false;
  let value: unknown;
  try {
    value = JSON.parse(text, (key, inner: unknown) => {
      if (FORBIDDEN_NAMES.has(key)) hasForbiddenName = true;
      return inner;
    });
  } catch {
    return refuse('BODY_INVALID', 'the body is not valid JSON');
  }
  return hasForbiddenName ? refuse('BODY_INVALID', 'the body has a name that is not allowed') : { kind: 'json', value };
}

/** Largest body: the largest order there is has a few hundred bytes. */
const BODY_BYTES_MAX = 16_384;

/** Levels of nesting: orders have three. */
const BODY_DEPTH_MAX = 8;

const TOO_LARGE: Refusal = refuse('BODY_TOO_LARGE', `the body is larger than ${BODY_BYTES_MAX} bytes`);

const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

function isJson(contentType: string | undefined): boolean {
  return /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i.test(contentType ?? '');
}

/** Levels that brackets outside of strings open, whether or not the text is JSON. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text[index];
    if (isInString) {
      if (unit === '\\') index += 1;
      else if (unit === '"') isInString = false;
    } else if (unit === '"') isInString = true;
    else if (unit === '{' || unit === '[') deepest = Math.max(deepest, (depth += 1));
    else if (unit === '}' || unit === ']') depth -= 1;
  }
  return deepest;
}
