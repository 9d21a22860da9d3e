import { Client, IpAddress, type Reason, reason } from '@sallyport/kernel';

/** What every client policy knows of its listener. */
export interface Door {
  readonly isUnix: boolean;
  /** What our own socket speaks. */
  readonly scheme: 'http' | 'https';
}

/**
 * The address of a TCP peer from `socket.remoteAddress`. The zone of a link-local address (`fe80::1%eth0`) is our own
 * interface's name and says nothing about the peer. Undefined when the peer has gone already.
 */
export function peerAddressOf(remoteAddress: string | undefined): IpAddress | undefined {
  if (remoteAddress === undefined) return undefined;
  const zone = remoteAddress.indexOf('%');
  return IpAddress.parse(zone === -1 ? remoteAddress : remoteAddress.slice(0, zone));
}

/** The peer as a client. A Unix socket's peer counts as 127.0.0.1; a TCP peer without an address is never taken for one. */
export function clientFromPeer(door: Door, peerAddress: IpAddress | undefined): Client | Reason {
  if (door.isUnix) return UNIX_CLIENT;
  return peerAddress === undefined ? NO_PEER_ADDRESS : Client.fromPeer(peerAddress, peerAddress.text);
}

const UNIX_CLIENT: Client = Client.fromPeer(IpAddress.fromBytes(Uint8Array.of(127, 0, 0, 1)), 'unix');

const NO_PEER_ADDRESS: Reason = reason('CLIENT_ADDRESS_INVALID', 'the peer has no address');
