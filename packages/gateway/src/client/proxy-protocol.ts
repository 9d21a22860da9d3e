import { IpAddress, type Reason, reason } from '@sallyport/kernel';

/**
 * Reads the header that a load balancer writes in front of a connection's own bytes: PROXY protocol, versions 1 (text) and
 * 2 (binary), as in HAProxy's `proxy-protocol.txt`.
 *
 * Strict: whatever does not match the specification to the byte is refused at the first byte that shows it. The result does
 * not depend on how the bytes are split. Never holds more than {@link PROXY_HEADER_BYTES_MAX} bytes.
 */
export class ProxyHeaderParser {
  /** Grows once, to the exact size of a version 2 header when its length field has been read. */
  #buffer: Buffer = Buffer.allocUnsafe(V1_BYTES_MAX);
  #length = 0;
  /** Bytes of a version 1 line that have been checked. */
  #scanned = 0;
  #isDone = false;

  /** Takes the next bytes of the connection. Must not be called again after it has answered anything but `more`. */
  feed(chunk: Buffer): ProxyFeed {
    if (this.#isDone) throw new Error('the PROXY header has been read already');
    let used = 0;
    while (used < chunk.length) {
      const taken = chunk.copy(this.#buffer, this.#length, used);
      used += taken;
      this.#length += taken;
      const step = this.#buffer[0] === V2_SIGNATURE[0] ? this.#stepV2() : this.#stepV1();
      if (step === undefined) continue;
      this.#isDone = true;
      if ('code' in step) return { refusal: step };
      // Bytes behind the header can only have come with this chunk: before it the header was not complete.
      return { header: step.header, rest: chunk.subarray(used - (this.#length - step.end)) };
    }
    return 'more';
  }

  #stepV1(): Step {
    for (; this.#scanned < this.#length; this.#scanned += 1) {
      const index = this.#scanned;
      const byte = this.#buffer[index] ?? 0;
      if (index < V1_PREFIX.length) {
        if (byte !== V1_PREFIX[index]) return invalid('no PROXY protocol signature');
        continue;
      }
      if (this.#buffer[index - 1] === CR) {
        if (byte !== LF) return invalid('v1: a line may only end in CR LF');
        const header = parseV1(this.#buffer.toString('latin1', 0, index - 1));
        return 'code' in header ? header : { header, end: index + 1 };
      }
      if (byte !== CR && (byte < 0x20 || byte > 0x7e)) return invalid('v1: a byte that is not printable ASCII');
      if (index === V1_BYTES_MAX - 1) return invalid(`v1: no end of line within ${V1_BYTES_MAX} bytes`);
    }
    return undefined;
  }

  #stepV2(): Step {
    for (let index = 0; index < Math.min(this.#length, V2_SIGNATURE.length); index += 1) {
      if (this.#buffer[index] !== V2_SIGNATURE[index]) return invalid('no PROXY protocol signature');
    }
    const fault = this.#faultInV2Head();
    if (fault !== undefined) return fault;
    if (this.#length < V2_HEAD_BYTES) return undefined;
    const end = V2_HEAD_BYTES + this.#buffer.readUInt16BE(14);
    if (this.#length < end) {
      if (this.#buffer.length < end) {
        const grown = Buffer.allocUnsafe(end);
        this.#buffer.copy(grown, 0, 0, this.#length);
        this.#buffer = grown;
      }
      return undefined;
    }
    const header = parseV2(this.#buffer.subarray(0, end));
    return 'code' in header ? header : { header, end };
  }

  /** In the order of the bytes, so that the refusal does not depend on how many of them are here. */
  #faultInV2Head(): Reason | undefined {
    const versionAndCommand = this.#buffer[12] ?? 0;
    if (this.#length > 12 && versionAndCommand !== V2_LOCAL && versionAndCommand !== V2_PROXY) {
      return invalid('v2: unknown version or command');
    }
    // The family of a LOCAL header is ignored (§2.2).
    if (this.#length > 13 && versionAndCommand === V2_PROXY && addressBytes(this.#buffer[13] ?? 0) === undefined) {
      return invalid('v2: unknown address family or not a stream');
    }
    if (this.#length >= V2_HEAD_BYTES && this.#buffer.readUInt16BE(14) > V2_PAYLOAD_BYTES_MAX) {
      return invalid(`v2: more than ${V2_PAYLOAD_BYTES_MAX} bytes of addresses and TLVs`);
    }
    return undefined;
  }
}

/** `rest` are the bytes behind the header; they belong to the connection. */
export type ProxyFeed = 'more' | { readonly header: ProxyHeader; readonly rest: Buffer } | { readonly refusal: Reason };

export type ProxyHeader =
  /** The proxy speaks for itself (LOCAL: its health check) or names no IP address (UNKNOWN, UNSPEC, UNIX): the peer is the client. */
  | { readonly kind: 'peer' }
  /** The proxy relays a TCP connection of `source`. */
  | {
      readonly kind: 'proxied';
      readonly source: IpAddress;
      /** The client used TLS towards the proxy, which ended it. */
      readonly isTls?: true;
    };

/** Longest version 1 line with its CR LF, in bytes; from the specification, §2.1. */
const V1_BYTES_MAX = 107;
/**
 * Most bytes of addresses and TLVs in version 2. The field could say 65,535, which a proxy that has been taken over could
 * make every half-open connection hold; 4 KiB leave room for the largest TLVs in use (TLS facts with a client's name).
 */
const V2_PAYLOAD_BYTES_MAX = 4096;
const V2_HEAD_BYTES = 16;
/** Most bytes a parser ever holds. */
export const PROXY_HEADER_BYTES_MAX: number = V2_HEAD_BYTES + V2_PAYLOAD_BYTES_MAX;

const CR = 0x0d;
const LF = 0x0a;
const V1_PREFIX: Buffer = Buffer.from('PROXY ', 'latin1');
const V2_SIGNATURE: Buffer = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_LOCAL = 0x20;
const V2_PROXY = 0x21;

/** Undefined: more bytes are needed. */
type Step = { readonly header: ProxyHeader; readonly end: number } | Reason | undefined;

/** `line` is printable ASCII without its CR LF and begins with `PROXY `. */
function parseV1(line: string): ProxyHeader | Reason {
  // §2.1: for UNKNOWN everything up to the end of the line is ignored.
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { kind: 'peer' };
  const [, family, source = '', destination = '', ...ports] = line.split(' ', V1_FIELDS + 1);
  if (family !== 'TCP4' && family !== 'TCP6') return invalid('v1: unknown protocol');
  if (ports.length !== 2 || !ports.every(isPort)) return invalid('v1: ports missing or not valid');
  const isV6 = family === 'TCP6';
  const address = IpAddress.parse(source);
  if (address === undefined || source.includes(':') !== isV6) return invalid('v1: source address not valid');
  if (IpAddress.parse(destination) === undefined || destination.includes(':') !== isV6) {
    return invalid('v1: destination address not valid');
  }
  return { kind: 'proxied', source: address };
}

/** PROXY, family, source, destination and two ports. */
const V1_FIELDS = 6;

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** `bytes` is a whole header whose head has been checked. */
function parseV2(bytes: Buffer): ProxyHeader | Reason {
  if (bytes[12] === V2_LOCAL) return { kind: 'peer' };
  const family = bytes[13] ?? 0;
  // §2.2: whatever an UNSPEC header carries is ignored.
  if (family === V2_UNSPEC) return { kind: 'peer' };
  const tlvStart = V2_HEAD_BYTES + (addressBytes(family) ?? 0);
  if (bytes.length < tlvStart) return invalid('v2: the addresses are cut short');
  const tlvs = readTlvs(bytes.subarray(tlvStart));
  if (tlvs === undefined) return invalid('v2: a TLV is cut short');
  if (family === V2_UNIX) return { kind: 'peer' };
  const sourceBytes = family === V2_TCP4 ? 4 : 16;
  const source = IpAddress.fromBytes(bytes.subarray(V2_HEAD_BYTES, V2_HEAD_BYTES + sourceBytes));
  return tlvs.isTls ? { kind: 'proxied', source, isTls: true } : { kind: 'proxied', source };
}

const V2_UNSPEC = 0x00;
const V2_TCP4 = 0x11;
const V2_TCP6 = 0x21;
const V2_UNIX = 0x31;

/** Size of the address block; undefined for datagrams, which cannot come over a stream, and for what the specification does not know. */
function addressBytes(familyAndTransport: number): number | undefined {
  if (familyAndTransport === V2_UNSPEC) return 0;
  if (familyAndTransport === V2_TCP4) return 12;
  if (familyAndTransport === V2_TCP6) return 36;
  return familyAndTransport === V2_UNIX ? 216 : undefined;
}

/**
 * Type, two bytes of length, value; nothing may be left over. Of what they say only §2.2.6 counts: whether the client used
 * TLS towards the proxy. Undefined when one is cut short.
 */
function readTlvs(bytes: Buffer): { readonly isTls: boolean } | undefined {
  let offset = 0;
  let isTls = false;
  while (offset < bytes.length) {
    if (bytes.length - offset < 3) return undefined;
    const end = offset + 3 + bytes.readUInt16BE(offset + 1);
    if (bytes[offset] === PP2_TYPE_SSL && end > offset + 3) isTls = ((bytes[offset + 3] ?? 0) & PP2_CLIENT_SSL) !== 0;
    offset = end;
  }
  return offset === bytes.length ? { isTls } : undefined;
}

const PP2_TYPE_SSL = 0x20;
const PP2_CLIENT_SSL = 0x01;

function invalid(detail: string): Reason {
  return reason('PROXY_PROTOCOL_INVALID', detail);
}
