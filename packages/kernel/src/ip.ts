/**
 * IP addresses and networks as values: parsed once, compared by their bytes.
 *
 * IPv4-mapped IPv6 addresses (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) are IPv4 addresses here: a client must not have two
 * names. Zone identifiers, leading zeros (which some parsers read as octal) and shortened IPv4 forms are refused.
 */
export class IpAddress {
  readonly #bytes: Uint8Array;
  readonly #text: string;

  private constructor(bytes: Uint8Array, text: string) {
    this.#bytes = bytes;
    this.#text = text;
  }

  /** Parses the text form of an address; undefined when it is none. */
  static parse(text: string): IpAddress | undefined {
    if (text.length > IP_TEXT_MAX) return undefined;
    if (!text.includes(':')) {
      const bytes = parseV4(text);
      return bytes === undefined ? undefined : new IpAddress(bytes, text);
    }
    const bytes = parseV6(text);
    return bytes === undefined ? undefined : IpAddress.fromBytes(bytes);
  }

  /** From 4 or 16 bytes in network order. @throws RangeError for any other length. */
  static fromBytes(bytes: Uint8Array): IpAddress {
    if (bytes.length === 16 && isMapped(bytes)) return IpAddress.fromBytes(bytes.slice(12));
    if (bytes.length === 4) return new IpAddress(bytes.slice(), bytes.join('.'));
    if (bytes.length === 16) return new IpAddress(bytes.slice(), formatV6(bytes));
    throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`);
  }

  get version(): 4 | 6 {
    return this.#bytes.length === 4 ? 4 : 6;
  }

  /** Canonical text: dotted decimal, or RFC 5952. */
  get text(): string {
    return this.#text;
  }

  /** A copy-free view for reading; 4 or 16 bytes in network order. */
  get bytes(): Readonly<Uint8Array> {
    return this.#bytes;
  }

  /**
   * The name under which a client is counted: the address itself for IPv4, the /64 for IPv6, because one household or one
   * rented server owns a whole /64 and can use a new address for every request.
   */
  get network(): string {
    if (this.#bytes.length === 4) return this.#text;
    const masked = this.#bytes.slice();
    masked.fill(0, 8);
    return `${formatV6(masked)}/64`;
  }

  /** 127.0.0.0/8 or ::1. */
  get isLoopback(): boolean {
    return this.#bytes.length === 4 ? this.#bytes[0] === 127 : this.#text === '::1';
  }

  toString(): string {
    return this.#text;
  }
}

/** An address range in CIDR notation, or one address. */
export interface Network {
  readonly address: IpAddress;
  /** 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number;
}

/**
 * Parses `192.0.2.0/24`, `2001:db8::/32` or a single address; undefined when it is neither. Bits beyond the prefix must be
 * zero: `10.0.0.5/8` is more likely a mistake than a wish. `::ffff:0:0/96` and longer become IPv4.
 */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = IpAddress.parse(slash === -1 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const bits = address.bytes.length * 8;
  if (slash === -1) return { address, prefixLength: bits };
  const digits = text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits)) return undefined;
  const isMappedText = address.version === 4 && text.includes(':');
  const prefixLength = Number(digits) - (isMappedText ? 96 : 0);
  if (prefixLength < 0 || prefixLength > bits) return undefined;
  return hasZeroTail(address.bytes, prefixLength) ? { address, prefixLength } : undefined;
}

/** True when `address` lies in `network`. Addresses of the other family never do. */
export function contains(network: Network, address: IpAddress): boolean {
  const inside = address.bytes;
  const outside = network.address.bytes;
  if (inside.length !== outside.length) return false;
  const whole = network.prefixLength >> 3;
  for (let index = 0; index < whole; index += 1) if (inside[index] !== outside[index]) return false;
  const rest = network.prefixLength & 7;
  if (rest === 0) return true;
  const mask = (0xff00 >> rest) & 0xff;
  return ((inside[whole] ?? 0) & mask) === ((outside[whole] ?? 0) & mask);
}

/** Longest text an address can have: eight groups of four with an embedded IPv4 part. */
const IP_TEXT_MAX = 45;

/** Every connection has its address parsed: by characters, which is several times faster than by expressions. */
function parseV4(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(4);
  let index = 0;
  let digits = 0;
  let value = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0 || index === 3) return undefined;
      bytes[index] = value;
      index += 1;
      digits = 0;
      value = 0;
      continue;
    }
    const isDigit = code >= ZERO && code <= NINE;
    // Only a part that is zero begins with zero: some parsers read others as octal.
    const isLeadingZero = digits === 1 && value === 0;
    if (!isDigit || isLeadingZero) return undefined;
    value = value * 10 + (code - ZERO);
    digits += 1;
    if (value > 255) return undefined;
  }
  if (digits === 0 || index !== 3) return undefined;
  bytes[3] = value;
  return bytes;
}

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

function parseV6(text: string): Uint8Array | undefined {
  const gap = text.indexOf('::');
  if (gap !== text.lastIndexOf('::') || text.includes(':::')) return undefined;
  const head = groups(gap === -1 ? text : text.slice(0, gap), gap === -1);
  const tail = gap === -1 ? [] : groups(text.slice(gap + 2), true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (gap === -1 ? missing !== 0 : missing < 1) return undefined;
  const bytes = new Uint8Array(16);
  for (const [index, value] of [...head, ...Array.from({ length: missing }, () => 0), ...tail].entries()) {
    bytes[index * 2] = value >> 8;
    bytes[index * 2 + 1] = value & 0xff;
  }
  return bytes;
}

/** Splits one side of an IPv6 text into 16-bit groups; only the side that ends the text may end in dotted decimal. */
function groups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return [];
  const values: number[] = [];
  const parts = text.split(':', 9);
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const v4 = isLast && index === parts.length - 1 ? parseV4(part) : undefined;
      if (v4 === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      values.push((a << 8) | b, (c << 8) | d);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      values.push(Number.parseInt(part, 16));
    }
  }
  return values.length <= 8 ? values : undefined;
}

function isMapped(bytes: Uint8Array): boolean {
  for (let index = 0; index < 10; index += 1) if (bytes[index] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatV6(bytes: Uint8Array): string {
  const values = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0));
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start += 1) {
    let length = 0;
    while (start + length < 8 && values[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const hex = values.map((value) => value.toString(16));
  if (best.start === -1) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

function hasZeroTail(bytes: Readonly<Uint8Array>, prefixLength: number): boolean {
  for (let bit = prefixLength; bit < bytes.length * 8; bit += 1) {
    if ((((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1) return false;
  }
  return true;
}
