import type { Server, Socket } from 'node:net';

/** The descriptor of a socket in this process; undefined when it has none. There is no public name for it. */
export function numberOf(socket: Server | Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const number: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof number === 'number' && number >= 0 ? number : undefined;
}
