import { StoreError, type StoreErrorCode } from '@sallyport/kernel';

/** What SQLite has thrown, as a failure of a store. */
export function storeErrorOf(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code: unknown = error instanceof Error ? Reflect.get(error, 'errcode') : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError(typeof code === 'number' ? codeOf(code) : 'FAILED', message, { cause: error });
}

/** https://www.sqlite.org/rescode.html: the low byte says what kind of failure an extended code is. */
function codeOf(code: number): StoreErrorCode {
  return CODES.get(code & 0xff) ?? 'FAILED';
}

const CODES: ReadonlyMap<number, StoreErrorCode> = new Map([
  [5, 'BUSY'],
  [6, 'BUSY'],
  [8, 'READ_ONLY'],
  [11, 'CORRUPT'],
  [13, 'FULL'],
  [19, 'CONFLICT'],
  [26, 'CORRUPT'],
]);
