import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Problem } from '@sallyport/control';
import type { CompileRequest, CompileResult } from './compile.ts';

export interface CompileThreadOptions {
  /** What the thread runs: it answers each request with one result. Default: the compiler. */
  readonly file?: URL;
  /** Calls back later, unless the answer is called before. Default: a timer that keeps no process alive. */
  readonly later?: (ms: number, callback: () => void) => () => void;
}

/**
 * Reads and compiles configurations in a thread of its own, one after the other. The thread stays for {@link QUIET_MS} after
 * the last one: loading the compiler takes a fresh thread several times as long as most configurations take it.
 */
export class CompileThread {
  readonly #file: URL;
  readonly #later: (ms: number, callback: () => void) => () => void;
  #worker: Worker | undefined;
  #settle: ((answer: Answer) => void) | undefined;
  #cancelQuiet = (): void => undefined;
  #turns: Promise<unknown> = Promise.resolve();

  constructor({ file = COMPILER, later = timer }: CompileThreadOptions = {}) {
    this.#file = file;
    this.#later = later;
  }

  /** True while a thread is there, at work or waiting for more. */
  get isThere(): boolean {
    return this.#worker !== undefined;
  }

  /** Never rejects: what goes wrong there is a problem of the policy. */
  compile(request: CompileRequest): Promise<CompileResult> {
    const result = this.#turns.then(() => this.#compile(request));
    this.#turns = result;
    return result;
  }

  /** Ends the thread, with all the memory that compiling has left in it. The next compilation starts another one. */
  close(): void {
    this.#cancelQuiet();
    this.#end();
  }

  async #compile(request: CompileRequest): Promise<CompileResult> {
    this.#cancelQuiet();
    const cancelDeadline = this.#later(COMPILE_MS_MAX, () =>
      this.#settle?.({ why: `could not be compiled within ${COMPILE_MS_MAX / 1_000} seconds` }),
    );
    const answer = await this.#ask(request);
    cancelDeadline();
    this.#settle = undefined;
    if ('why' in answer) {
      // Only a thread that has answered can be asked again.
      this.#end();
      return { ok: false, problems: [wholeProblem(request, answer.why)] };
    }
    // One that waits keeps no process alive.
    this.#worker?.unref();
    this.#cancelQuiet = this.#later(QUIET_MS, () => this.#end());
    return answer;
  }

  async #ask(request: CompileRequest): Promise<Answer> {
    try {
      return await new Promise((resolve) => {
        this.#settle = resolve;
        this.#worker ??= this.#start();
        this.#worker.ref();
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Between threads there are no origins.
        this.#worker.postMessage(request);
      });
    } catch (cause) {
      return { why: `cannot be compiled: ${messageOf(cause)}` };
    }
  }

  #start(): Worker {
    const worker = new Worker(this.#file, { name: 'compile' });
    const over = (why: string): void => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle?.({ why });
    };
    worker.on('message', (result: CompileResult) => {
      if (this.#worker === worker) this.#settle?.(result);
    });
    worker.on('error', (error) => over(`cannot be compiled: ${messageOf(error)}`));
    worker.on('exit', () => over('could not be compiled'));
    return worker;
  }

  #end(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.terminate();
  }
}

type Answer = CompileResult | { readonly why: string };

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

const COMPILER: URL = new URL(`./compile-main${extname(import.meta.url)}`, import.meta.url);

/** Whoever edits a configuration reloads again within seconds. */
const QUIET_MS = 30_000;

/** The whole Core Rule Set takes a second or two on one slow processor. */
const COMPILE_MS_MAX = 120_000;

function timer(ms: number, callback: () => void): () => void {
  const timeout = setTimeout(callback, ms).unref();
  return () => clearTimeout(timeout);
}

function wholeProblem({ path }: CompileRequest, problem: string): Problem {
  const nothing = { value: undefined, allowed: undefined, suggestion: undefined };
  return { severity: 'error', file: path, line: 0, column: 0, key: '', problem, ...nothing };
}
