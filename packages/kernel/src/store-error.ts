/** Why a store did not do what it was asked for. Added, never renamed: the admin API and documents name them. */
export type StoreErrorCode =
  /** Nobody answers: the thread of the stores has ended and is started again, or the store is given to another process. */
  | 'UNAVAILABLE'
  /** More waits than may, or another process has the store. */
  | 'BUSY'
  /** No room is left on the disk. */
  | 'FULL'
  /** The disk or the folder takes no writes. */
  | 'READ_ONLY'
  /** What is stored is damaged. */
  | 'CORRUPT'
  /** It does not follow on what is stored: somebody else has written. */
  | 'CONFLICT'
  /** Anything else. */
  | 'FAILED';

/**
 * What the world did to a store. Nothing of what was asked for is stored, but after `UNAVAILABLE`, when it may be: whoever asked
 * has to look.
 */
export class StoreError extends Error {
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'StoreError';
    this.code = code;
  }
}
