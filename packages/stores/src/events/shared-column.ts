import { pack, unpack } from './packed.ts';

/** Gives numbers to values that many segments of a file have. */
export interface ValueNumbers {
  /** From 1; 0: it has none and gets none. */
  numberOf(value: string): number;
}

/** Values that have numbers, from 1 to `count`. They are read as they are asked for. */
export interface NumberedValues {
  readonly count: number;
  /** @throws RangeError | SyntaxError when it is damaged, or there is no such number. */
  textOf(number: number): string;
  /** The number of a text; 0 when it has none. @throws RangeError | SyntaxError when texts are damaged. */
  numberOf(text: string): number;
}

/** A field with many texts, most of which are stored once for the whole file. */
export interface SharedColumn {
  readonly kind: 'shared';
  readonly shared: NumberedValues;
  /** By code, from 1: the number of the text, or 0 when only this segment has it. The entry of code 0 means nothing. */
  readonly numbers: Uint32Array;
  /** Of each event; 0 when it has none. Read when it is asked for. */
  readonly codes: Uint16Array;
  textOf(code: number): string | undefined;
}

/** The texts of a column in the order of their codes: numbers, and behind them the texts that have none. */
export function encodeShared(texts: readonly string[], shared: ValueNumbers): Uint8Array {
  const planes = new Uint8Array(texts.length * PLANES);
  const own: string[] = [];
  for (const [place, text] of texts.entries()) {
    const number = shared.numberOf(text);
    if (number === 0) own.push(text);
    for (let plane = 0; plane < PLANES; plane += 1) planes[plane * texts.length + place] = number >>> (plane * 8);
  }
  const numbers = pack(planes);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(numbers.length);
  return Buffer.concat([head, numbers, pack(Buffer.from(JSON.stringify(own)))]);
}

/** @throws RangeError | SyntaxError when it is damaged. */
export function decodeShared(
  dictionary: Uint8Array,
  shared: NumberedValues,
  codesOf: (distinct: number) => Uint16Array,
): SharedColumn {
  const bytes = Buffer.from(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength);
  const end = HEAD_BYTES + bytes.readUInt32LE();
  const numbers = decodeNumbers(unpack(bytes.subarray(HEAD_BYTES, end)), shared.count);
  const own: unknown = JSON.parse(unpack(bytes.subarray(end)).toString('utf8'));
  if (!Array.isArray(own)) throw new RangeError('texts of a segment are a list');
  const places = ownPlaces(numbers, own.length);
  let codes: Uint16Array | undefined;
  return {
    kind: 'shared',
    shared,
    numbers,
    get codes(): Uint16Array {
      codes ??= codesOf(numbers.length - 1);
      return codes;
    },
    textOf: (code) => {
      if (code === 0) return undefined;
      const number = numbers[code] ?? 0;
      return number > 0 ? shared.textOf(number) : String(own[places[code] ?? 0]);
    },
  };
}

function decodeNumbers(planes: Buffer, numbersMax: number): Uint32Array {
  const distinct = planes.length / PLANES;
  if (!Number.isInteger(distinct)) throw new RangeError('numbers of texts are damaged');
  const numbers = new Uint32Array(distinct + 1);
  for (let place = 0; place < distinct; place += 1) {
    const low = (planes[place] ?? 0) | ((planes[distinct + place] ?? 0) << 8);
    const number = low | ((planes[distinct * 2 + place] ?? 0) << 16);
    if (number > numbersMax) throw new RangeError('a text has a number that none has');
    numbers[place + 1] = number;
  }
  return numbers;
}

/** By code: the place among the texts without a number. */
function ownPlaces(numbers: Uint32Array, own: number): Uint16Array {
  const places = new Uint16Array(own === 0 ? 0 : numbers.length);
  let seen = 0;
  for (let code = 1; code < numbers.length; code += 1) {
    if (numbers[code] !== 0) continue;
    places[code] = seen;
    seen += 1;
  }
  if (seen !== own) throw new RangeError('a segment has other texts than it should');
  return places;
}

/** A number has 24 bits. */
const PLANES = 3;
/** The length of the numbers. */
const HEAD_BYTES = 4;
