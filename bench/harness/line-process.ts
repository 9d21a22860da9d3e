/** A program of the benchmarks in a process of its own: one line of JSON asks, one line of JSON answers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWith } from './process.ts';

/** `First` is what the program says unasked when it is ready, where it does. */
export class LineProcess<Question, Answer, First = never> {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Starts `file` on some processors, with these arguments. */
  constructor(file: URL, cpus: number | string, ...args: readonly string[]) {
    this.#child = spawn('taskset', ['-c', String(cpus), process.execPath, file.pathname, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    endWith(this.#child);
    // Typed as perhaps missing; a pipe was asked for.
    const { stdout } = this.#child;
    if (stdout === null) throw new Error('a process has no standard output');
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** To be awaited once, before the first question. @throws Error when the program ends instead. */
  async first(): Promise<First> {
    const first: First = JSON.parse(await this.#line());
    return first;
  }

  /** One question after the other. @throws Error when the program ends instead of answering. */
  async ask(question: Question): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    const answer: Answer = JSON.parse(await this.#line());
    return answer;
  }

  /** Ends it: these programs keep nothing. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #line(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done === true) throw new Error(`${this.#child.spawnargs.join(' ')} ended early`);
    return line.value;
  }
}

/** The other end: answers every line. */
export async function answerLines(answer: (line: string) => object | Promise<object>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) sayLine(await answer(line));
}

/** What is said unasked. */
export function sayLine(message: object): void {
  console.log(JSON.stringify(message));
}
