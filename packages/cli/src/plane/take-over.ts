import { spawn } from 'node:child_process';
import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { url as debuggerUrl } from 'node:inspector';
import { type Channel, channelOf } from './hand-over/channel.ts';
import { SERVING } from './hand-over/predecessor.ts';

/** Listening sockets that this process was given when it started. */
export interface Inherited {
  /** Their numbers, by listener. */
  readonly sockets: ReadonlyMap<string, number>;
  /** They are those of a process that serves until we say that we do. */
  readonly isTakingOver: boolean;
}

/**
 * The sockets that a service manager (sd_listen_fds(3)) or the process before us has opened. Names are names of listeners.
 */
export function inheritedSockets(environment: Readonly<Record<string, string | undefined>>, pid: number): Inherited {
  const given = environment[SOCKETS_VARIABLE];
  if (given !== undefined) return { sockets: numbersIn(given), isTakingOver: true };
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment;
  if (LISTEN_PID !== String(pid) || LISTEN_FDS === undefined || !/^[1-9][0-9]{0,2}$/.test(LISTEN_FDS)) {
    return { sockets: new Map(), isTakingOver: false };
  }
  const names = (LISTEN_FDNAMES ?? '').split(':');
  const sockets = new Map<string, number>();
  for (let index = 0; index < Number(LISTEN_FDS); index += 1) {
    const name = names[index] ?? '';
    if (name !== '') sockets.set(name, FIRST_LISTEN_FD + index);
  }
  return { sockets, isTakingOver: false };
}

/**
 * Closes sockets of the process before us that nothing here is named after any more. Open, they would go on taking connections
 * that nobody ever accepts. Those of a service manager stay: it has opened them and may have its reasons.
 */
export function closeUnused({ sockets, isTakingOver }: Inherited, names: readonly string[]): void {
  if (!isTakingOver) return;
  for (const [name, number] of sockets) if (!names.includes(name)) closeSync(number);
}

/**
 * Closes connections of the process before us that came with the sockets. Node.js marks what it opens to be closed when a program is
 * started, but not what it has moved to another thread, as every accepted connection is. Open here, they would outlive their end
 * there: a client that is cut off would never see it, and each would take one of our descriptors. What a debugger listens on and is
 * connected by is ours, although it is older than anything that we have opened.
 *
 * To be called before anything else opens a socket.
 */
export function closeStrays({ sockets, isTakingOver }: Inherited): void {
  if (!isTakingOver) return;
  const meant = new Set(sockets.values());
  const own = debuggerSockets();
  for (const number of openFiles()) {
    if (number < FIRST_INHERITED || meant.has(number) || !isSocket(number)) continue;
    if (own.size === 0 || !own.has(readlinkSync(`/proc/self/fd/${number}`))) closeSync(number);
  }
}

/** What `/proc/self/fd` calls the sockets at the port of a debugger; none without one. */
function debuggerSockets(): ReadonlySet<string> {
  const url = debuggerUrl();
  if (url === undefined) return new Set();
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, '0');
  // proc(5): the second column is the local address, the tenth the inode.
  const rows = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/self/net/${name}`, 'utf8').split('\n').slice(1));
  const columns = rows.map((row) => row.trim().split(/\s+/));
  return new Set(
    columns.flatMap(([, local, , , , , , , , inode]) => (local?.endsWith(`:${port}`) ? [`socket:[${inode}]`] : [])),
  );
}

function openFiles(): readonly number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    // Not Linux.
    return [];
  }
}

function isSocket(number: number): boolean {
  try {
    return fstatSync(number).isSocket();
  } catch {
    // The one by which the folder was read.
    return false;
  }
}

export interface StartedSuccessor {
  readonly pid: number;
  readonly channel: Channel | undefined;
}

export interface SuccessorOptions {
  /** Numbers of our listening sockets, by listener. */
  readonly sockets: ReadonlyMap<string, number>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Aborts when we are told to stop: then nobody is to serve. */
  readonly signal: AbortSignal;
}

/**
 * Starts this program once more, with our listening sockets, and resolves when it serves: no connection is refused between the
 * two, because the sockets never close. Answers its process id, and the way to it where it keeps one open.
 *
 * @throws Error when it ends, or does not serve within {@link SUCCESSOR_MS_MAX}; it is then ended, and we go on as before.
 */
export function startSuccessor({ sockets, environment, signal }: SuccessorOptions): Promise<StartedSuccessor> {
  const entries = [...sockets];
  const described = entries.map(([name], index) => `${name}=${FIRST_INHERITED + index}`).join(',');
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    // Its place among the descriptors follows from its place here.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...entries.map(([, number]) => number)],
    env: { ...withoutActivation(environment), [SOCKETS_VARIABLE]: described },
    // Bytes and undefined arrive as what they are.
    serialization: 'advanced',
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('the new process did not serve in time')), SUCCESSOR_MS_MAX);
    const onAbort = (): void => fail(new Error('this process is told to stop'));
    signal.addEventListener('abort', onAbort);
    const fail = (cause: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.removeAllListeners();
      child.on('error', () => undefined);
      child.kill('SIGKILL');
      reject(cause);
    };
    child.once('error', fail);
    child.once('exit', (code, by) => fail(new Error(`the new process ended with ${code ?? by}`)));
    child.once('message', (message) => {
      if (message !== SERVING) return fail(new Error('the new process said something unexpected'));
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      child.off('error', fail);
      child.on('error', () => undefined);
      child.removeAllListeners('exit');
      child.unref();
      const channel = channelOf(child);
      child.channel?.unref();
      resolve({ pid: child.pid ?? 0, channel });
    });
  });
}

/** Name and number of each listening socket: `public=4,api=5`. */
const SOCKETS_VARIABLE = 'SALLYPORT_SOCKETS';

/** sd_listen_fds(3). */
const FIRST_LISTEN_FD = 3;

/** Behind the three standard ones and the channel to the process before. */
const FIRST_INHERITED = 4;

/** A start takes about a second, and as long as the health checks of upstreams that do not answer. */
const SUCCESSOR_MS_MAX = 60_000;

function numbersIn(text: string): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>();
  for (const part of text.split(',')) {
    const [, name, number] = /^([A-Za-z0-9._-]{1,64})=([0-9]{1,5})$/.exec(part) ?? [];
    if (name !== undefined) numbers.set(name, Number(number));
  }
  return numbers;
}

/**
 * What was meant for us by our number is not meant for whoever comes after us. The watchdog is: without a number it holds for
 * the service's main process, which is then the new one.
 */
function withoutActivation(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const { LISTEN_PID: _pid, LISTEN_FDS: _fds, LISTEN_FDNAMES: _names, WATCHDOG_PID: _watched, ...rest } = environment;
  return rest;
}
