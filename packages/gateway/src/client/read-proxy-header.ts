import type { Socket } from 'node:net';
import { type Reason, reason } from '@sallyport/kernel';
import { type ProxyHeader, ProxyHeaderParser } from './proxy-protocol.ts';

/**
 * Reads the PROXY protocol header of an accepted socket, before anything else has read from it.
 *
 * Never rejects. On success the bytes behind the header are back in the socket, in order, and none of our listeners is left
 * on it: it can be given to a TLS or HTTP server by `server.emit('connection', socket)`. They are put back here and not by
 * the caller, because a peer that has already closed its side would end the stream before the caller gets its turn. After a
 * refusal the socket is the caller's to destroy. Nothing here limits the time: a sweep over all unfinished connections
 * does, and destroying the socket ends the wait with CLIENT_CLOSED.
 */
export function readProxyHeader(socket: Socket): Promise<ProxyHeaderRead> {
  if (socket.destroyed || socket.readableEnded) return Promise.resolve({ refusal: reason('CLIENT_CLOSED', WHERE) });
  const parser = new ProxyHeaderParser();
  return new Promise((resolve) => {
    const finish = (read: ProxyHeaderRead): void => {
      socket.off('readable', onReadable).off('end', onGone).off('close', onGone).off('error', onGone);
      resolve(read);
    };
    const onReadable = (): void => {
      for (;;) {
        const chunk: unknown = socket.read();
        if (!Buffer.isBuffer(chunk)) return;
        const result = parser.feed(chunk);
        if (result === 'more') continue;
        if ('refusal' in result) return finish(result);
        if (result.rest.length > 0) socket.unshift(result.rest);
        return finish({ header: result.header });
      }
    };
    const onGone = (): void => finish({ refusal: reason('CLIENT_CLOSED', WHERE) });
    // Not 'data': taking that listener off again leaves a stream paused, and the next owner would wait for ever.
    socket.on('readable', onReadable).on('end', onGone).on('close', onGone).on('error', onGone);
  });
}

export type ProxyHeaderRead = { readonly header: ProxyHeader } | { readonly refusal: Reason };

const WHERE = 'before the PROXY protocol header was complete';
