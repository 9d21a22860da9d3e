import type * as Ffi from 'node:ffi';

/** What Node.js does not do with file descriptors, and the system does. */
export interface Descriptors {
  /** Another number for what a descriptor stands for, which no child process gets. @throws Error when none is left. */
  duplicate(number: number): number;
  /** Keeps a descriptor from child processes. Node.js opens its own so, but not those that it moves between threads. */
  keepFromChildren(number: number): void;
  /** How many connections the kernel may hold for a listening socket. Node.js forgets that when it moves one between threads. */
  setBacklog(number: number, connections: number): void;
  /**
   * Has every connection of a listening socket come as listeners want theirs: what is written leaves at once (`TCP_NODELAY`),
   * and the kernel asks after a silent peer (`SO_KEEPALIVE`). The kernel copies both to what it accepts, so that it costs no
   * connection a call. False when it will not.
   */
  setForAccepted(number: number): boolean;
}

/**
 * Undefined where the system's functions cannot be called: on another system than Linux, or with `--no-experimental-ffi` or
 * `--permission`. Nothing but these calls goes past Node.js.
 */
export function openDescriptors(): Descriptors | undefined {
  // Elsewhere a function with a variable number of arguments takes them from other places than libffi puts them.
  if (process.platform !== 'linux') return undefined;
  try {
    // Without the library its functions would be gone.
    const library = loadLibrary();
    return (
      library && {
        duplicate: (number) => duplicate(library, number),
        keepFromChildren: (number) => keep(library, number),
        setBacklog: (number, connections) => void library.functions.listen(number, connections),
        setForAccepted: (number) =>
          isSet(library, number, IPPROTO_TCP, TCP_NODELAY) && isSet(library, number, SOL_SOCKET, SO_KEEPALIVE),
      }
    );
  } catch {
    return undefined;
  }
}

type Library = Ffi.DynamicLibraryResult<typeof FUNCTIONS>;

function loadLibrary(): Library | undefined {
  const ffi: unknown = withoutWarning(() => process.getBuiltinModule('node:ffi'));
  return isFfi(ffi) ? ffi.dlopen(null, FUNCTIONS) : undefined;
}

/** The module is not there when it is switched off, whatever the types say. */
function isFfi(module: unknown): module is typeof Ffi {
  return typeof module === 'object' && module !== null && 'dlopen' in module;
}

const FUNCTIONS = {
  fcntl: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  listen: { arguments: ['i32', 'i32'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32' },
} as const;

/** Whoever starts the gateway can do nothing about it that the module may change: without it the gateway does as well. */
function withoutWarning<Result>(load: () => Result): Result {
  const before: unknown = Reflect.get(process, 'emitWarning');
  Reflect.set(process, 'emitWarning', () => undefined);
  try {
    return load();
  } finally {
    Reflect.set(process, 'emitWarning', before);
  }
}

function duplicate({ functions }: Library, number: number): number {
  const copy = functions.fcntl(number, F_DUPFD_CLOEXEC, FIRST_BEHIND_STANDARD);
  if (copy < 0) throw Object.assign(new Error('a descriptor cannot be duplicated'), { code: 'EMFILE' });
  return copy;
}

function keep({ functions }: Library, number: number): void {
  functions.fcntl(number, F_SETFD, FD_CLOEXEC);
}

/** Switches an option of a socket on; false when the system refuses. */
function isSet({ functions }: Library, number: number, level: number, option: number): boolean {
  return functions.setsockopt(number, level, option, ON, ON.byteLength) === 0;
}

/** An `int`. */
const ON: Uint8Array = new Uint8Array(Int32Array.of(1).buffer);

// setsockopt(2), as on every architecture that Node.js is built for; on another one the kernel refuses.
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;

// fcntl(2), the same on every architecture of Linux.
const F_SETFD = 2;
const F_DUPFD_CLOEXEC = 1_030;
const FD_CLOEXEC = 1;

/** libuv never closes the numbers of the standard streams. */
const FIRST_BEHIND_STANDARD = 3;
