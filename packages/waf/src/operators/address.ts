import { contains, IpAddress, type Network } from '@sallyport/kernel';
import type { Operator } from './operator.ts';

/** `@ipMatch`: the value is an address in one of the networks. */
export function addressList(networks: readonly Network[]): Operator {
  return (text) => {
    const address = IpAddress.parse(text.trim());
    return address !== undefined && networks.some((network) => contains(network, address));
  };
}

/** Parses addresses and networks; bits beyond the prefix are dropped, as rule sets expect. The bad one when one is bad. */
export function networksOf(pieces: readonly string[]): readonly Network[] | string {
  const networks: Network[] = [];
  for (const piece of pieces) {
    const network = networkOf(piece);
    if (network === undefined) return piece;
    networks.push(network);
  }
  return networks;
}

function networkOf(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const host = slash < 0 ? text : text.slice(0, slash);
  const address = IpAddress.parse(host);
  if (address === undefined) return undefined;
  const bits = address.bytes.length * 8;
  if (slash < 0) return { address, prefixLength: bits };
  const digits = text.slice(slash + 1);
  // An IPv4-mapped address is an IPv4 address here, and its prefix counts from there.
  const mappedBits = address.version === 4 && host.includes(':') ? 96 : 0;
  const prefixLength = Number(digits) - mappedBits;
  if (!/^\d{1,3}$/.test(digits) || prefixLength < 0 || prefixLength > bits) return undefined;
  const masked = address.bytes.map((byte, index) => byte & maskByte(prefixLength - index * 8));
  return masked.length === 16 && isMappedPrefix(masked)
    ? { address, prefixLength }
    : { address: IpAddress.fromBytes(masked), prefixLength };
}

function maskByte(bits: number): number {
  if (bits >= 8) return 0xff;
  return bits <= 0 ? 0 : (0xff00 >> bits) & 0xff;
}

/** `::ffff:0:0/90` and its like: cut to IPv4 it would be another network. */
function isMappedPrefix(bytes: Readonly<Uint8Array>): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}
