import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';

/** What could be read of a request's body. */
export type ReadBody =
  /** All of it; undefined when there is none. */
  | { readonly kind: 'complete'; readonly bytes: Uint8Array | undefined }
  /** At least one byte more than may be kept; these are not all. */
  | { readonly kind: 'larger'; readonly bytes: Uint8Array }
  /** The client left before it had sent everything. */
  | { readonly kind: 'gone' };

/**
 * Takes a body out of a request without ending its stream, so that it can be put back (`unshift`). Calls `done` once; at once
 * for a request without a body.
 */
export function readBody(request: IncomingMessage, bytesMax: number, done: (body: ReadBody) => void): void {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  if (coding === undefined && Number(length) === 0) return done({ kind: 'complete', bytes: undefined });
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (body: ReadBody): void => {
    request.off('readable', read);
    request.off('close', leave);
    request.off('error', leave);
    done(body);
  };
  const leave = (): void => finish({ kind: 'gone' });
  const read = (): void => {
    for (let chunk: unknown = request.read(); chunk !== null; chunk = request.read()) {
      if (!Buffer.isBuffer(chunk)) return leave();
      chunks.push(chunk);
      size += chunk.length;
      if (size > bytesMax) return finish({ kind: 'larger', bytes: Buffer.concat(chunks) });
    }
    // Everything has come, and the stream has not said so yet: it ends after what is put back.
    if (request.complete) finish({ kind: 'complete', bytes: size === 0 ? undefined : Buffer.concat(chunks) });
  };
  request.on('readable', read);
  request.on('close', leave);
  request.on('error', leave);
}
