import { isDeepStrictEqual } from 'node:util';
import type { PolicyImage } from '@sallyport/gateway';
import type { ListenerConfig } from '@sallyport/kernel';

/** The listeners of a policy that the acceptor opens. */
export function tcpListeners({ config }: PolicyImage): readonly ListenerConfig[] {
  return config.listeners.filter(({ address }) => address.kind === 'tcp');
}

/** The acceptor shares a socket between a listener and the one that it replaces, and between no others. @throws Error (EADDRINUSE). */
export function requireDistinct(listeners: readonly ListenerConfig[]): void {
  for (const [index, { address }] of listeners.entries()) {
    if (address.kind !== 'tcp' || address.port === 0) continue;
    const other = listeners.slice(0, index).find((item) => isDeepStrictEqual(item.address, address));
    if (other === undefined) continue;
    const message = `listen EADDRINUSE: address already in use ${address.host}:${address.port} by listener ${other.name}`;
    throw Object.assign(new Error(message), { code: 'EADDRINUSE', address: address.host, port: address.port });
  }
}
