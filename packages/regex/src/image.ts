import { isAnchoredAtStart, minLength } from './analysis.ts';
import { RegexError } from './errors.ts';
import { REGEX_LIMITS } from './limits.ts';
import { requiredText, wholeText } from './literals.ts';
import { compileProgram, INSTRUCTION_WORDS, type Program } from './program.ts';
import { type RegexOptions, resolveOptions } from './syntax/dialect.ts';
import { parse } from './syntax/parse.ts';

/** The layout of images. An image of another version is refused, not guessed at. */
export const IMAGE_VERSION = 2;

/**
 * A compiled pattern: plain data and typed arrays, so that it survives `structuredClone` and `postMessage`. Give it to
 * `instantiate` in whatever thread needs it.
 */
export interface RegexImage {
  readonly kind: 'regex';
  readonly version: number;
  readonly pattern: string;
  readonly program: Program;
  /** The reversed automaton that finds where a match begins; absent in sets that only say which patterns match. */
  readonly backward: Program | undefined;
  readonly captures: number;
  readonly names: readonly (readonly [name: string, index: number])[];
  readonly minLength: number;
  readonly isAnchoredAtStart: boolean;
  readonly isUtf8: boolean;
  /** The pattern is nothing but this text, if it is that. */
  readonly wholeText: string | undefined;
  /** Text that every match contains as it stands; empty if none is known. */
  readonly requiredText: string;
}

/** Compiles one pattern. Throws `RegexError` with code, position and reason. */
export function compile(pattern: string, options: RegexOptions = {}): RegexImage {
  return compileParsed(pattern, options, 'span').image;
}

/** The image, and the tree it was made from, which sets analyse further. */
export function compileParsed(
  pattern: string,
  options: RegexOptions,
  answer: 'span' | 'existence',
): { image: RegexImage; parsed: ReturnType<typeof parse> } {
  const resolved = resolveOptions(options);
  const parsed = parse(pattern, resolved);
  const { root, captures, names } = parsed;
  const { instructionsMax, isUtf8 } = resolved;
  const program = compileProgram(root, { instructionsMax, direction: 'forward' });
  if ((program.code.length / INSTRUCTION_WORDS) * (captures + 1) * 2 > REGEX_LIMITS.captureSlotsMax) {
    throw new RegexError('TOO_LARGE', -1, 'too many capture groups for so long a pattern');
  }
  const image: RegexImage = {
    kind: 'regex',
    version: IMAGE_VERSION,
    pattern,
    program,
    backward: answer === 'span' ? compileProgram(root, { instructionsMax, direction: 'backward' }) : undefined,
    captures,
    names,
    minLength: minLength(root),
    isAnchoredAtStart: isAnchoredAtStart(root),
    isUtf8,
    wholeText: wholeText(root),
    requiredText: requiredText(root),
  };
  return { image, parsed };
}

/**
 * The image with all its typed arrays in one `SharedArrayBuffer`: posted to a worker thread it is shared, not copied.
 * Nothing writes to an image after it was made.
 */
export function shared(image: RegexImage): RegexImage {
  const measure = new SharedPlace(undefined);
  placeRegex(image, measure);
  return placeRegex(image, new SharedPlace(new SharedArrayBuffer(measure.length)));
}

/** Hands out views of one shared buffer, one behind the other; without a buffer it only adds up the lengths. */
export class SharedPlace {
  length = 0;
  readonly #buffer: SharedArrayBuffer | undefined;

  constructor(buffer: SharedArrayBuffer | undefined) {
    this.#buffer = buffer;
  }

  int32(array: Int32Array): Int32Array {
    const offset = this.#advance(array.byteLength);
    if (this.#buffer === undefined) return array;
    const view = new Int32Array(this.#buffer, offset, array.length);
    view.set(array);
    return view;
  }

  uint8(array: Uint8Array): Uint8Array {
    const offset = this.#advance(array.byteLength);
    if (this.#buffer === undefined) return array;
    const view = new Uint8Array(this.#buffer, offset, array.length);
    view.set(array);
    return view;
  }

  #advance(bytes: number): number {
    const offset = this.length;
    this.length += Math.ceil(bytes / 8) * 8;
    return offset;
  }
}

export function placeRegex(image: RegexImage, place: SharedPlace): RegexImage {
  const { program, backward } = image;
  return {
    ...image,
    program: placeProgram(program, place),
    backward: backward === undefined ? undefined : placeProgram(backward, place),
  };
}

function placeProgram(program: Program, place: SharedPlace): Program {
  return {
    ...program,
    code: place.int32(program.code),
    sets: place.int32(program.sets),
    classOf: place.uint8(program.classOf),
    byteOf: place.uint8(program.byteOf),
  };
}

/** Refuses an image that another version of this package made. Throws `RegexError` (`BAD_IMAGE`). */
export function checkVersion(version: number): void {
  if (version !== IMAGE_VERSION) throw new RegexError('BAD_IMAGE', -1, `not an image of version ${IMAGE_VERSION}`);
}
