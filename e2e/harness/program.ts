import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS, type Scope } from './scope.ts';

export interface ProgramOptions {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly directory?: string;
  /** What it sees beside PATH and HOME. The rest of our own environment is not passed on. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Standard input; without it there is none. */
  readonly input?: string | Buffer;
  /** Descriptors of ours that it gets, from 3 on. Default: none. */
  readonly descriptors?: readonly number[];
  /** Longest wait for what it is to do, in milliseconds. Default: `PATIENCE_MS`; a build takes longer. */
  readonly patienceMs?: number;
}

/** How a program ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program that has ended. */
export interface Finished extends Ending {
  readonly stdout: string;
  readonly stderr: string;
}

/** Characters of a program's output that an error shows. */
const OUTPUT_SHOWN_MAX = 4_000;

/** What programs of Node.js have compiled: each test starts them again, on a machine that has better things to do. */
const COMPILED: string = fileURLToPath(new URL('../../.cache/compiled', import.meta.url));

/** A running program; what it writes is kept. Ended with its scope at the latest. */
export class Program {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #patienceMs: number;
  readonly #watchers = new Set<() => void>();
  readonly #exited: Promise<Ending>;
  readonly #stdout: Buffer[] = [];
  readonly #lines: string[] = [];
  #unfinishedLine = '';
  #stderr = '';
  #ending: Ending | undefined;

  private constructor(options: ProgramOptions) {
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS;
    this.#name = [options.command, ...options.arguments].join(' ');
    this.#child = spawn(options.command, options.arguments, {
      cwd: options.directory,
      env: { PATH: process.env['PATH'], HOME: tmpdir(), NODE_COMPILE_CACHE: COMPILED, ...options.environment },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...(options.descriptors ?? [])],
    });
    this.#child.stdin?.on('error', ignoreClosedPipe).end(options.input);
    this.#child.stdout?.on('data', (chunk: Buffer) => this.#onOutput(chunk));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#notify();
    });
    this.#exited = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      // 'close' and not 'exit': by then everything it wrote has been read.
      this.#child.once('close', (code, signal) => {
        this.#ending = { code, signal };
        this.#notify();
        resolve(this.#ending);
      });
    });
    this.#exited.catch(() => this.#notify());
  }

  static start(scope: Scope, options: ProgramOptions): Program {
    const program = new Program(options);
    const kill = (): void => void program.#child.kill('SIGKILL');
    process.once('exit', kill);
    const forget = (): void => void process.off('exit', kill);
    program.#exited.then(forget, forget);
    // A test is over: what still runs has nothing more to finish. Who tests an end calls `stop`.
    scope.after(async () => {
      kill();
      await program.#exited.catch(() => undefined);
    });
    return program;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.#child.pid;
  }

  /** Everything it wrote to standard output. */
  get stdout(): string {
    return this.bytes.toString('utf8');
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  /** Whole lines of standard output. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Waits for its end. @throws Error when it does not come, or when the program could not be started. */
  async exited(): Promise<Ending> {
    await this.until('its end', () => this.#ending);
    return this.#exited;
  }

  /** Looks each time it writes something or ends. @throws Error with its output when `find` answers nothing in time. */
  until<T>(what: string, find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found !== undefined) settle(() => resolve(found));
        else if (this.#ending !== undefined) settle(() => reject(this.#failure(`ended before ${what}`)));
      };
      const settle = (answer: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        answer();
      };
      const timer = setTimeout(() => settle(() => reject(this.#failure(`${what} did not come`))), this.#patienceMs);
      this.#watchers.add(look);
      look();
    });
  }

  /** Asks it to end, and makes it when it does not. */
  async stop(): Promise<Ending> {
    if (this.#ending !== undefined) return this.#ending;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE_MS);
    try {
      return await this.#exited;
    } finally {
      clearTimeout(timer);
    }
  }

  #onOutput(chunk: Buffer): void {
    this.#stdout.push(chunk);
    const pieces = (this.#unfinishedLine + chunk.toString('latin1')).split('\n');
    this.#unfinishedLine = pieces.pop() ?? '';
    for (const line of pieces) this.#lines.push(Buffer.from(line, 'latin1').toString('utf8'));
    this.#notify();
  }

  #notify(): void {
    for (const look of this.#watchers) look();
  }

  #failure(what: string): Error {
    const output = `${this.stdout.slice(-OUTPUT_SHOWN_MAX)}${this.#stderr.slice(-OUTPUT_SHOWN_MAX)}`;
    return new Error(`${this.#name}: ${what}\n${output}`);
  }
}

/** Runs a program to its end. */
export async function run(scope: Scope, options: ProgramOptions): Promise<Finished> {
  const program = Program.start(scope, options);
  const ending = await program.exited();
  return { ...ending, stdout: program.stdout, stderr: program.stderr };
}

/** A folder of its own for a test. */
export function temporaryFolder(scope: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-e2e-'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** It ended without reading its input. */
function ignoreClosedPipe(): void {
  return;
}
