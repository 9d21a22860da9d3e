import { http } from '../node-http.ts';
import type { ConfigProblem, ProblemAnswer, ProblemCode } from './contract.ts';

/** Why a call is not carried out: a value, and the answer to it. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly problems?: readonly ConfigProblem[];
  /** Header fields that belong to it. */
  readonly headers?: Readonly<Record<string, string>>;
}

export function refuse(code: ProblemCode, detail: string, more: Partial<Refusal> = {}): Refusal {
  return { kind: 'refusal', status: PROBLEM_STATUS[code], code, detail, ...more };
}

/** RFC 9457. */
export function problemBody({ status, code, detail, problems }: Refusal): ProblemAnswer {
  return {
    type: 'about:blank',
    title: http.STATUS_CODES[status] ?? 'Error',
    status,
    code,
    detail,
    ...(problems === undefined ? {} : { problems }),
  };
}

/** The status of each problem. */
export const PROBLEM_STATUS: Readonly<Record<ProblemCode, number>> = {
  BAD_REQUEST: 400,
  BODY_INVALID: 400,
  BODY_TOO_LARGE: 413,
  BODY_TYPE: 415,
  CONFIG_REFUSED: 422,
  CONFLICT: 409,
  FOREIGN_ORIGIN: 403,
  INTERNAL: 500,
  LINK_REFUSED: 401,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  NOT_PUBLISHED: 503,
  QUERY_INVALID: 400,
  SOCKET_ONLY: 403,
  STATE_UNAVAILABLE: 503,
  TIMEOUT: 504,
  TOO_MANY_FAILURES: 429,
  UNAUTHENTICATED: 401,
  WRONG_HOST: 421,
};
