/** One way to look whether a service is well. It keeps nothing from one check to the next. */
export interface Probe {
  /**
   * Looks once. Gives up when `signal` is aborted, and then holds nothing any more. Never rejects for what a server did or said: that is
   * a result.
   */
  check(signal: AbortSignal): Promise<ProbeResult>;
}

export interface ProbeResult {
  /** Undefined: the service is well. */
  readonly failure: ProbeFailure | undefined;
  /** Of the server, where it showed one. */
  readonly certificate: CertificateFacts | undefined;
}

/** Why a service is not well. Nothing of what a server said is in it but numbers and codes of its protocol. */
export interface ProbeFailure {
  readonly code: ProbeFailureCode;
  /** Short: `status 503`, `SQLSTATE 57P03`; '' when the code says it all. */
  readonly detail: string;
}

export interface CertificateFacts {
  /** Wall clock. */
  readonly endsMs: number;
}

/** A closed list: codes are added, never renamed. */
export type ProbeFailureCode =
  /** Its name has no address. */
  | 'NAME_UNRESOLVED'
  /** Nobody listens there. */
  | 'REFUSED'
  /** There is no way to it. */
  | 'UNREACHABLE'
  | 'TIMEOUT'
  /** It ended the connection before it had answered. */
  | 'CLOSED'
  /** It does not speak TLS, or not as we do. */
  | 'TLS_FAILED'
  /** Its certificate is not one that counts, or for another name. */
  | 'CERTIFICATE_INVALID'
  | 'CERTIFICATE_ENDED'
  /** It does not speak the protocol that it should. */
  | 'PROTOCOL'
  /** It says more than a check reads. */
  | 'TOO_LARGE'
  /** An HTTP status that is not expected. */
  | 'STATUS'
  /** The body, or an answer of the DNS, has not what it should. */
  | 'CONTENT'
  /** It does not take our name and password. */
  | 'AUTHENTICATION'
  /** It answers, and says that it cannot serve. */
  | 'SERVER_ERROR'
  /** Anything else. */
  | 'FAILED';

/** Ends a check; made into a result by {@link looked}. */
export class ProbeError extends Error {
  readonly failure: ProbeFailure;

  constructor(code: ProbeFailureCode, detail = '') {
    super(`${code} ${detail}`);
    this.name = 'ProbeError';
    this.failure = { code, detail };
  }
}

/** What a check came to. `certificate` is asked when it is over. */
export async function looked(
  signal: AbortSignal,
  work: () => Promise<void>,
  certificate: () => CertificateFacts | undefined = () => undefined,
): Promise<ProbeResult> {
  try {
    await work();
    return { failure: undefined, certificate: certificate() };
  } catch (error) {
    // What breaks because it was given up says nothing about the server.
    const failure = signal.aborted ? ({ code: 'TIMEOUT', detail: '' } as const) : failureOf(error);
    return { failure, certificate: certificate() };
  }
}

/** What the world did, as a code. Of the error itself only its code is kept: messages may quote what a server said. */
export function failureOf(error: unknown): ProbeFailure {
  if (error instanceof ProbeError) return error.failure;
  const raw: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const detail = typeof raw === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(raw) ? raw : '';
  const code = codeOf(detail);
  return { code, detail: SAID_BY_CODE.has(code) ? '' : detail };
}

/** Codes beside which the name that the system has for it says nothing more. */
const SAID_BY_CODE: ReadonlySet<ProbeFailureCode> = new Set(['REFUSED', 'TIMEOUT', 'CLOSED', 'CERTIFICATE_ENDED']);

function codeOf(code: string): ProbeFailureCode {
  const known = CODES.get(code);
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return 'TLS_FAILED';
  if (code.startsWith('HPE_')) return code === 'HPE_HEADER_OVERFLOW' ? 'TOO_LARGE' : 'PROTOCOL';
  return CERTIFICATE_CODES.test(code) ? 'CERTIFICATE_INVALID' : 'FAILED';
}

const CODES: ReadonlyMap<string, ProbeFailureCode> = new Map([
  ['ENOTFOUND', 'NAME_UNRESOLVED'],
  ['EAI_AGAIN', 'NAME_UNRESOLVED'],
  ['EAI_FAIL', 'NAME_UNRESOLVED'],
  ['ENODATA', 'NAME_UNRESOLVED'],
  ['ESERVFAIL', 'SERVER_ERROR'],
  ['EREFUSED', 'SERVER_ERROR'],
  ['ENOTIMP', 'SERVER_ERROR'],
  ['EFORMERR', 'PROTOCOL'],
  ['EBADRESP', 'PROTOCOL'],
  ['ECONNREFUSED', 'REFUSED'],
  // A socket file that nobody has made.
  ['ENOENT', 'REFUSED'],
  ['EACCES', 'UNREACHABLE'],
  ['EHOSTUNREACH', 'UNREACHABLE'],
  ['ENETUNREACH', 'UNREACHABLE'],
  ['EADDRNOTAVAIL', 'UNREACHABLE'],
  ['ETIMEDOUT', 'TIMEOUT'],
  ['ETIMEOUT', 'TIMEOUT'],
  ['ECANCELLED', 'TIMEOUT'],
  ['ECONNRESET', 'CLOSED'],
  ['EPIPE', 'CLOSED'],
  ['CERT_HAS_EXPIRED', 'CERTIFICATE_ENDED'],
]);

/** As OpenSSL and Node call what is wrong with a chain or a name. */
const CERTIFICATE_CODES = /CERT|ISSUER|SIGNATURE|CRL|CHAIN/;
