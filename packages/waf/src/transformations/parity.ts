import { writer } from './byte-writer.ts';

/** The eighth bit makes the number of bits even. */
export function parityEven7bit(text: string): string {
  return mapBytes(text, (byte) => withParity(byte, 0));
}

/** The eighth bit makes the number of bits odd. */
export function parityOdd7bit(text: string): string {
  return mapBytes(text, (byte) => withParity(byte, 1));
}

/** The eighth bit is 0. */
export function parityZero7bit(text: string): string {
  return mapBytes(text, (byte) => byte & 0x7f);
}

function withParity(byte: number, parity: 0 | 1): number {
  let bits = byte & 0x7f;
  bits ^= bits >> 4;
  bits ^= bits >> 2;
  bits ^= bits >> 1;
  return (bits & 1) === parity ? byte & 0x7f : byte | 0x80;
}

function mapBytes(text: string, map: (byte: number) => number): string {
  writer.begin(text.length);
  let isChanged = false;
  for (let index = 0; index < text.length; index += 1) {
    const byte = text.charCodeAt(index);
    const mapped = map(byte);
    if (mapped !== byte) isChanged = true;
    writer.byte(mapped);
  }
  return isChanged ? writer.text() : text;
}
