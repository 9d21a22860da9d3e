/** One frame of a stack in the words of Sentry. */
export interface Frame {
  readonly filename: string;
  readonly function: string;
  readonly lineno: number;
  readonly colno: number;
  readonly in_app: true;
}

/**
 * The frames of our own files, the innermost first. Paths begin at the package: where it is installed may name a person.
 * The stack is a text that begins with the message, which a client may have written: it is taken off where it is known, and
 * what looks like a frame in it is one only with the path of a file below `folders`.
 */
export function framesOf(stack: string, options: FrameOptions): readonly Frame[] {
  const lines = stack.startsWith(options.head) ? stack.slice(options.head.length) : stack;
  return lines
    .slice(-STACK_LENGTH_MAX)
    .split('\n')
    .flatMap((line) => frameOf(line, options.folders) ?? [])
    .slice(0, FRAMES_MAX);
}

export interface FrameOptions {
  /** What the stack begins with: the name and the message. */
  readonly head: string;
  /** Absolute, with a slash at the end: where files of ours are. */
  readonly folders: readonly string[];
}

/** V8 writes ten; a library may raise that. */
const FRAMES_MAX = 50;
const STACK_LENGTH_MAX = 16_384;

/** `    at [async] name (place:line:column)`, or without a name and brackets. */
function frameOf(line: string, folders: readonly string[]): Frame | undefined {
  if (!line.startsWith(AT)) return undefined;
  const bracket = line.endsWith(')') ? line.lastIndexOf('(') : -1;
  const place = bracket === -1 ? line.slice(AT.length).replace(/^async /, '') : line.slice(bracket + 1, -1);
  const name =
    bracket === -1
      ? ''
      : line
          .slice(AT.length, bracket)
          .trim()
          .replace(/^async /, '');
  const column = place.lastIndexOf(':');
  const row = place.lastIndexOf(':', column - 1);
  const path = ownPath(place.slice(0, Math.max(0, row)), folders);
  const [lineno, colno] = [Number(place.slice(row + 1, column)), Number(place.slice(column + 1))];
  if (path === undefined || !Number.isSafeInteger(lineno) || !Number.isSafeInteger(colno)) return undefined;
  return { filename: path, function: NAME.test(name) ? name : '<anonymous>', lineno, colno, in_app: true };
}

const AT = '    at ';

/** Names of methods may be computed, and be anything. */
const NAME = /^[A-Za-z0-9_$#.<> [\]]{1,100}$/;

function ownPath(place: string, folders: readonly string[]): string | undefined {
  const path = place.replace(/^file:\/\//, '');
  const installed = path.lastIndexOf(INSTALLED);
  const folder = folders.find((one) => path.startsWith(one));
  const own = installed === -1 ? path.slice(folder?.length ?? path.length) : path.slice(installed + MODULES.length);
  if (own.includes(MODULES) || own.startsWith(MODULES.slice(1))) return undefined;
  return PATH.test(own) ? own : undefined;
}

const MODULES = '/node_modules/';
const INSTALLED = `${MODULES}@sallyport/`;

const PATH = /^@?[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}){0,8}$/;
