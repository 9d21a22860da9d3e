import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProgramOptions } from './program.ts';

/** A file system of one program's own, made of parts of ours, and what the program may do in it. */
export interface Sandbox {
  /** Read-only, from our path to its path. */
  readonly visible: ReadonlyMap<string, string>;
  readonly writable: ReadonlyMap<string, string>;
  /** Empty folders in memory, gone with the program. */
  readonly temporary: readonly string[];
  /** Symbolic links, from the path to what it names. */
  readonly links: ReadonlyMap<string, string>;
  /** Numbers, for files of the machine too. */
  readonly user: number;
  readonly group: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Without it every system call is allowed. */
  readonly filter?: Buffer;
  /** A folder that is its `/`. Without it there is only what is named here. */
  readonly root?: string;
  /** Sees no processes but its own, and the command is the first of them. */
  readonly isContainer?: boolean;
  /** Name of the network namespace it lives in; without it, ours. */
  readonly network?: string;
}

/** What programs of the machine need to run: libraries, the linker's cache, names, authorities. */
export const MACHINE: ReadonlyMap<string, string> = new Map(
  [
    '/usr',
    '/lib',
    '/lib64',
    '/bin',
    '/sbin',
    '/etc/ld.so.cache',
    '/etc/ssl',
    '/etc/hosts',
    '/etc/nsswitch.conf',
    '/etc/resolv.conf',
  ]
    .filter((path) => existsSync(path))
    .map((path) => [path, path]),
);

/**
 * The command that runs another one in a sandbox: without a capability, without a way to gain one, on a root that is
 * read-only, under a user of its own. `folder` takes the compiled filter.
 */
export function inSandbox(sandbox: Sandbox, folder: string, command: readonly string[]): ProgramOptions {
  const { user, group, filter, network } = sandbox;
  const file = join(folder, `filter-${process.pid}`);
  writeFileSync(file, filter ?? '');
  const where = network === undefined ? [] : ['ip', 'netns', 'exec', network];
  // The user is one of the machine, too: a file that only we may read is not readable in there.
  const outside = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--no-new-privs'];
  const seccomp = filter === undefined ? [] : ['--seccomp', '3'];
  const words = [...where, ...outside, 'bwrap', ...seccomp, ...walls(sandbox), '--', ...command];
  return { command: 'sh', arguments: ['-c', 'exec 3<"$0"; exec "$@"', file, ...words] };
}

function walls(sandbox: Sandbox): readonly string[] {
  const { visible, writable, temporary, links, user, group, root, environment } = sandbox;
  const processes = sandbox.isContainer === true ? ['--unshare-pid', '--as-pid-1', '--proc'] : ['--ro-bind', '/proc'];
  const identity = ['--unshare-user', '--uid', String(user), '--gid', String(group)];
  return [
    ...identity,
    '--unshare-ipc',
    '--unshare-uts',
    '--cap-drop',
    'ALL',
    '--die-with-parent',
    '--clearenv',
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...(root === undefined ? [] : ['--ro-bind', root, '/']),
    ...temporary.flatMap((path) => ['--tmpfs', path]),
    ...[...visible].flatMap(([here, there]) => ['--ro-bind', here, there]),
    ...[...links].flatMap(([path, target]) => ['--symlink', target, path]),
    ...processes.concat('/proc', '--dev', '/dev'),
    ...[...writable].flatMap(([here, there]) => ['--bind', here, there]),
  ].concat(root === undefined ? ['--remount-ro', '/'] : []);
}

/** The process in a sandbox, which signals are for: its wall does not pass them on. @throws Error when there is none. */
export function insideOf(wall: number): number {
  const child = childOf(wall);
  if (child === undefined) throw new Error(`the sandbox ${wall} holds no process`);
  return child;
}

/** The first child of a process; undefined when it has none. */
export function childOf(pid: number): number | undefined {
  const [child = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return child === '' ? undefined : Number(child);
}
