import { execFileSync } from 'node:child_process';
import type { UnitFile } from './unit-file.ts';

/** The system calls that a unit allows: groups and names as `SystemCallFilter` gives them, in order, the first being a list of what is allowed. */
export function allowedCalls(unit: UnitFile): ReadonlySet<string> {
  // What systemd allows whatever the list says, because a program could not even start (systemd.exec(5)).
  const allowed = new Set(expand('@default'));
  const rows = unit.all('Service', 'SystemCallFilter');
  if (rows[0]?.startsWith('~') !== false) throw new Error('the filter does not begin with what is allowed');
  for (const row of rows) {
    const names = row.replace(/^~/, '').split(/\s+/).flatMap(expand);
    for (const name of names) {
      if (row.startsWith('~')) allowed.delete(name);
      else allowed.add(name);
    }
  }
  return allowed;
}

const groups = new Map<string, readonly string[]>();

/** A name, or all names in a group of them. */
function expand(name: string): readonly string[] {
  if (!name.startsWith('@')) return [name];
  const known = groups.get(name);
  if (known !== undefined) return known;
  const listed = execFileSync('systemd-analyze', ['--no-pager', 'syscall-filter', name], { encoding: 'utf8' });
  const members = listed
    .split('\n')
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const names = members.flatMap(expand);
  groups.set(name, names);
  return names;
}

export interface Filter {
  readonly calls: ReadonlySet<string>;
  /** Numbers of address families that socket(2) may be called with. */
  readonly families: readonly number[];
}

/**
 * The program that the kernel runs for each system call (seccomp(2)), as systemd would make it for a unit with
 * RestrictNamespaces: what is not allowed answers EPERM, a socket of another family EAFNOSUPPORT, a call of another
 * architecture ends the process, and no namespace is made or entered. clone3 hides its flags behind a pointer, so it is not
 * there; the C library then uses clone.
 */
export function compileFilter({ calls, families }: Filter): Buffer {
  const [socket = -1, clone = -1, clone3 = -1, unshare = -1, setns = -1, ...numbers] = numbersOf([...JUDGED, ...calls]);
  const judged = new Set([socket, clone, clone3, unshare, setns]);
  const others = [...new Set(numbers)].filter((number) => number >= 0 && !judged.has(number));
  const instructions = [
    instruction(LOAD, 0, 0, AT_ARCHITECTURE),
    instruction(JUMP_IF_EQUAL, 1, 0, architecture()),
    instruction(RETURN, 0, 0, KILL_PROCESS),
    instruction(LOAD, 0, 0, AT_NUMBER),
    // The calls of x32 have a bit of their own, and none is on the list; so they end at the last line.
    ...others.flatMap((number) => [instruction(JUMP_IF_EQUAL, 0, 1, number), instruction(RETURN, 0, 0, ALLOW)]),
    instruction(JUMP_IF_EQUAL, 0, 1, clone3),
    instruction(RETURN, 0, 0, ERRNO + ENOSYS),
    instruction(JUMP_IF_EQUAL, 0, 4, clone),
    instruction(LOAD, 0, 0, AT_FIRST_ARGUMENT),
    instruction(JUMP_IF_ANY_BIT, 0, 1, NEW_NAMESPACES),
    instruction(RETURN, 0, 0, ERRNO + EPERM),
    instruction(RETURN, 0, 0, ALLOW),
    instruction(JUMP_IF_EQUAL, 1, 0, socket),
    instruction(RETURN, 0, 0, ERRNO + EPERM),
    instruction(LOAD, 0, 0, AT_FIRST_ARGUMENT),
    ...families.flatMap((family) => [instruction(JUMP_IF_EQUAL, 0, 1, family), instruction(RETURN, 0, 0, ALLOW)]),
    instruction(RETURN, 0, 0, ERRNO + EAFNOSUPPORT),
  ];
  return Buffer.concat(instructions);
}

/** System calls that are allowed or not by what they are called with. */
const JUDGED = ['socket', 'clone', 'clone3', 'unshare', 'setns'];

/** CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS. */
const NEW_NAMESPACES = 0x7e02_0000;

/** One number for each name; negative for a call that this architecture does not have. */
function numbersOf(names: readonly string[]): number[] {
  const script = 'for name; do scmp_sys_resolver "$name" || exit 1; done';
  const listed = execFileSync('sh', ['-c', script, 'sh', ...names], { encoding: 'utf8' });
  return listed.trim().split('\n').map(Number);
}

/** struct sock_filter of linux/filter.h. */
function instruction(code: number, isTrue: number, isFalse: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(isTrue, 2);
  bytes.writeUInt8(isFalse, 3);
  bytes.writeUInt32LE(value >>> 0, 4);
  return bytes;
}

function architecture(): number {
  switch (process.arch) {
    case 'x64':
      return 0xc000_003e;
    case 'arm64':
      return 0xc000_00b7;
    default:
      throw new Error(`there is no filter for ${process.arch}`);
  }
}

/** Offsets in struct seccomp_data; both architectures are little-endian. */
const AT_NUMBER = 0;
const AT_ARCHITECTURE = 4;
const AT_FIRST_ARGUMENT = 16;

const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_ANY_BIT = 0x45;
const RETURN = 0x06;

const ALLOW = 0x7fff_0000;
const ERRNO = 0x0005_0000;
const KILL_PROCESS = 0x8000_0000;
const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
