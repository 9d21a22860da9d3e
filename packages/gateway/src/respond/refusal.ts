import { createHash } from 'node:crypto';
import { type Deny, REASONS, type Reason, type Verdict } from '@sallyport/kernel';

/** A refusal as bytes: the only place that turns a verdict into a response body. */
export interface RefusalResponse {
  readonly status: number;
  /** Flat: name, value, name, value. Framing is included. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** A verdict of which the client hears. */
export type Answerable = Extract<Verdict, { kind: 'deny' | 'redirect' }>;

/** `accept`: see {@link refusalResponse}. */
export function answerTo(verdict: Answerable, requestId: string, accept: string | undefined): RefusalResponse {
  if (verdict.kind === 'deny') return refusalResponse(verdict, requestId, accept);
  return redirectResponse(verdict.status, verdict.location, requestId);
}

/** The verdict for a reason that no stage gave: the status of its row. */
export function denyFor(reason: Reason): Deny {
  return { kind: 'deny', status: REASONS[reason.code].status, reason };
}

/**
 * A refusal for a program (RFC 9457 problem details) or, when `accept` prefers it, for a person. Says the public sentence
 * of the reason, its code and the request id; never the detail, a rule, an address or an internal name (R2.24).
 */
export function refusalResponse(verdict: Deny, requestId: string, accept: string | undefined): RefusalResponse {
  const isPage = accept !== undefined && accept.includes('text/html');
  const title = REASONS[verdict.reason.code].title;
  const body = isPage ? page(verdict.status, title, requestId) : problem(verdict, title, requestId);
  const headers = [
    'content-type',
    isPage ? 'text/html; charset=utf-8' : 'application/problem+json',
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    requestId,
  ];
  if (isPage) headers.push('content-security-policy', PAGE_POLICY);
  for (const [name, value] of Object.entries(verdict.headers ?? {})) headers.push(name, value);
  return { status: verdict.status, headers, body };
}

/** A redirect carries no body; its location was built from the normalised target. */
function redirectResponse(status: number, location: string, requestId: string): RefusalResponse {
  return {
    status,
    headers: ['location', location, 'content-length', '0', 'cache-control', 'no-store', 'x-request-id', requestId],
    body: '',
  };
}

/** The same refusal as raw HTTP/1.1, for a connection that has no response object (a request that could not be parsed). */
export function rawRefusal(response: RefusalResponse): Buffer {
  const lines = [`HTTP/1.1 ${response.status} ${PHRASES[response.status] ?? 'Refused'}`];
  for (let index = 0; index + 1 < response.headers.length; index += 2) {
    lines.push(`${response.headers[index]}: ${response.headers[index + 1]}`);
  }
  // UTF-8 like the length that was counted: one byte less than announced is a response without an end.
  return Buffer.from(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n${response.body}`, 'utf8');
}

function problem(verdict: Deny, title: string, requestId: string): string {
  const { code } = verdict.reason;
  return JSON.stringify({ type: `urn:sallyport:reason:${code}`, title, status: verdict.status, code, requestId });
}

/** RFC 9110 §15 phrases of the statuses the gateway answers with itself. */
const PHRASES: Readonly<Record<number, string>> = {
  308: 'Permanent Redirect',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

const STYLE =
  'html{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:34rem;margin:15vh auto;padding:0 1.5rem}' +
  'h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:.5rem 0}code{font:0.9em ui-monospace,monospace;opacity:.8}';

const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** Titles are ours and request ids are checked when they are accepted: nothing in the page was written by the client. */
function page(status: number, title: string, requestId: string): string {
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<title>${status} ${PHRASES[status] ?? ''}</title><style>${STYLE}</style></head><body><h1>${title}</h1>` +
    `<p>If you think this is a mistake, tell the people who run this service the number below.</p>` +
    `<p><code>${status} · ${requestId}</code></p></body></html>\n`
  );
}
