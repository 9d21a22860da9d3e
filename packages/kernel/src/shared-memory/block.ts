/**
 * The first words of every shared block: what it is, and the numbers that its layout follows from. A thread is handed one
 * buffer and nothing else, and an attempt to read a block as another one is told at once.
 */
export type BlockKind =
  | 'byte-ring'
  | 'gauge-table'
  | 'rate-table'
  | 'window-table'
  | 'worker-board'
  | 'flight-recorder';

/** Words that {@link openBlock} owns. Data may begin behind them. */
export const BLOCK_WORDS = 16;

/** Words of a cache line: words that different threads write stand this far apart, so that they do not fight for a line. */
export const LINE_WORDS = 16;

/** Numbers of a layout, as many as fit behind the mark. */
const SHAPE_WORDS = 14;

const MARK = 0x5a11_0001;
const KINDS: readonly BlockKind[] = [
  'byte-ring',
  'gauge-table',
  'rate-table',
  'window-table',
  'worker-board',
  'flight-recorder',
];

/** A zeroed block whose layout follows from `shape`: whole numbers below 2^31. */
export function allocateBlock(kind: BlockKind, shape: readonly number[], bytes: number): SharedArrayBuffer {
  if (shape.length > SHAPE_WORDS) throw new RangeError(`a shape of ${shape.length} numbers does not fit`);
  const buffer = new SharedArrayBuffer(bytes);
  const words = new Int32Array(buffer);
  words[0] = MARK;
  words[1] = KINDS.indexOf(kind);
  words.set(shape, 2);
  return buffer;
}

/** The words of a block. @throws TypeError when the buffer is another kind of block or none. */
export function openBlock(buffer: SharedArrayBuffer, kind: BlockKind): Int32Array<SharedArrayBuffer> {
  const words = new Int32Array(buffer);
  if (words[0] !== MARK || words[1] !== KINDS.indexOf(kind)) throw new TypeError(`this buffer holds no ${kind}`);
  return words;
}

/** One number of the shape that the block was allocated with. */
export function shapeOf(words: Int32Array, index: number): number {
  return words[2 + index] ?? 0;
}

/** Refuses a number that a layout cannot be built from. @throws RangeError */
export function requireWhole(name: string, value: number, [min, max]: readonly [number, number]): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} ${value} is not a whole number from ${min} to ${max}`);
  }
}

/** The smallest power of two that is not smaller. */
export function powerOfTwoFrom(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, value)));
}
