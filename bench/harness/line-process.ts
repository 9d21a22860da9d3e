/** A program of this folder in a process of its own: one line of JSON asks, one line of JSON answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts `file` on some processors, with these arguments. */
  constructor(file: URL, cpus: number | string, ...args: readonly string[]) {
    this.#child = spawn('taskset', ['-c', String(cpus), process.execPath, file.pathname, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Typed as perhaps missing; a pipe was asked for.
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('a process has no standard output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What the program says of itself. @throws Error when it ends instead. */
  async next<Answer>(): Promise<Answer> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`${this.#child.spawnargs.join(' ')} ended early`);
    return JSON.parse(line.value);
  }

  async ask<Question, Answer>(question: Question): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    return this.next();
  }

  /** Ends it: these programs keep nothing. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** The other end: says `first` when there is something to say, then answers every line. */
export async function answerLines<Question, Answer>(
  answer: (question: Question) => Answer | Promise<Answer>,
  first?: Answer,
): Promise<void> {
  if (first !== undefined) console.log(JSON.stringify(first));
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
}
