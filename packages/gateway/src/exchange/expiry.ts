import type { FailureSource } from '@sallyport/kernel';
import type { Dismissal } from '../listener/connection-table.ts';

/** Why an exchange is ended before its time: a deadline, or somebody outside of it. */
export type Expiry = 'REQUEST_TIMEOUT' | 'BODY_TIMEOUT' | 'RESPONSE_STALLED' | 'UPSTREAM_TIMEOUT' | Dismissal;

/** Whose fault that is. */
export const FAULT_OF: Readonly<Record<Expiry, FailureSource>> = {
  REQUEST_TIMEOUT: 'client',
  BODY_TIMEOUT: 'client',
  RESPONSE_STALLED: 'client',
  UPSTREAM_TIMEOUT: 'upstream',
  DRAINING: 'internal',
  CLIENT_BANNED: 'client',
  CLOSED_BY_OPERATOR: 'client',
};
