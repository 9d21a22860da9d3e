/** Foreign programs under measurement: started on one processor, watched through /proc, stopped by process id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProgramOptions {
  readonly command: string;
  readonly arguments: readonly string[];
  /** The processors it may run on, as taskset takes them: `1`, `0,1`. */
  readonly cpus: number | string;
  /** Where its standard output and error go. */
  readonly outputFile: string;
}

/** From /proc/PID/schedstat, in microseconds. */
export interface Scheduled {
  readonly cpuUs: number;
  /** Time in which it could have run but others had the processor. */
  readonly waitUs: number;
}

/** Longest time a program may take to listen, and to stop when told to. */
const START_MS_MAX = 60_000;
const STOP_MS_MAX = 5_000;

/** Characters of a program's output that an error shows. */
const OUTPUT_SHOWN_MAX = 4_000;

/** How often a starting program is tried. */
const POLL_MS = 20;

/** A running program and everything it started. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #outputFile: string;

  private constructor(child: ChildProcess, options: ProgramOptions) {
    this.#child = child;
    this.#name = options.command;
    this.#outputFile = options.outputFile;
  }

  /** Starts a program and waits until it accepts connections on `port` of 127.0.0.1. @throws Error with its output. */
  static async start(options: ProgramOptions, port: number): Promise<Program> {
    const output = openSync(options.outputFile, 'a');
    // taskset replaces itself by the program, so the process id is the program's.
    const child = spawn('taskset', ['-c', String(options.cpus), options.command, ...options.arguments], {
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    endWith(child);
    const program = new Program(child, options);
    try {
      await Promise.race([program.#listens(port), once(child, 'exit').then(() => program.#fail('ended'))]);
      return program;
    } catch (cause) {
      await program.stop();
      throw cause;
    }
  }

  /** What the scheduler gave it so far, all threads and processes together. Those that have ended are not in it. */
  scheduled(): Scheduled {
    return scheduledOf(...this.#processes());
  }

  /** Memory of all its processes that is in RAM, in mebibytes; pages that several share count for each. */
  residentMib(): number {
    const kibibytes = this.#processes().map((pid) =>
      Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1]),
    );
    return kibibytes.reduce((sum, each) => sum + each, 0) / 1_024;
  }

  /** Memory of all its processes, shared pages divided among those that share them, in mebibytes. */
  memoryMib(): number {
    const kibibytes = this.#processes().map((pid) =>
      Number(/^Pss:\s+(\d+) kB/m.exec(readProc(`${pid}/smaps_rollup`))?.[1]),
    );
    return kibibytes.reduce((sum, each) => sum + each, 0) / 1_024;
  }

  /** Asks it to stop, and makes it when it does not. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const isStopped = await Promise.race([exited.then(() => true), sleep(STOP_MS_MAX, false, { ref: false })]);
    if (isStopped) return;
    for (const pid of this.#processes().toReversed()) process.kill(pid, 'SIGKILL');
    await exited;
  }

  /** The process and its descendants. */
  #processes(): readonly number[] {
    const parents = new Map(
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((name) => [Number(name), Number(/^PPid:\s+(\d+)/m.exec(readProc(`${name}/status`))?.[1])]),
    );
    const tree = this.#child.pid === undefined ? [] : [this.#child.pid];
    for (const parent of tree) for (const [pid, its] of parents) if (its === parent) tree.push(pid);
    return tree;
  }

  async #listens(port: number): Promise<void> {
    const endMs = performance.now() + START_MS_MAX;
    while (performance.now() < endMs && this.#child.exitCode === null) {
      if (await isListening(port)) return;
      await sleep(POLL_MS);
    }
    this.#fail(`does not listen after ${START_MS_MAX} ms`);
  }

  #fail(what: string): never {
    throw new Error(`${this.#name} ${what}:\n${readFileSync(this.#outputFile, 'utf8').slice(-OUTPUT_SHOWN_MAX)}`);
  }
}

/** What the scheduler gave all threads of these processes so far. Threads that have ended are not in it. */
export function scheduledOf(...processes: readonly number[]): Scheduled {
  const fields = processes
    .flatMap((pid) => threadsOf(pid).map((thread) => readProc(`${pid}/task/${thread}/schedstat`)))
    .map((schedstat) => schedstat.split(' ').map(Number));
  const sum = (field: number): number => fields.reduce((total, each) => total + (each[field] ?? 0), 0);
  return { cpuUs: sum(0) / 1_000, waitUs: sum(1) / 1_000 };
}

/** Nothing that a benchmark started outlives it, however it ends. */
export function endWith(child: ChildProcess): void {
  const end = (): void => void child.kill('SIGTERM');
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}

/** A port of 127.0.0.1 that nobody has at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}

/** The processors this process may use. */
export function allowedCpus(): readonly number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)/m.exec(readProc('self/status'))?.[1] ?? '';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** '' for a process that has ended meanwhile. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
