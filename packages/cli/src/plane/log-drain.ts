import type { ByteRing } from '@sallyport/kernel';

/** What becomes of lines. */
export interface LineOutput {
  write(lines: string): void;
}

export interface LogDrainOptions {
  readonly ring: ByteRing;
  readonly output: LineOutput;
  /** Sees every line after the output has. */
  readonly onLine?: ((line: string) => void) | undefined;
  readonly onDropped: (lines: number) => void;
  /** The output or `onLine` has thrown; the next lines are tried all the same. */
  readonly onFailure: (cause: unknown) => void;
}

/** Carries the lines of one worker from its ring into the log, in batches, for as long as the process lives. */
export class LogDrain {
  readonly #options: LogDrainOptions;
  /** The ring's memory, which is one and the same for every record. */
  #memory: Buffer | undefined;
  #isStopped = false;

  constructor(options: LogDrainOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Carries over what is there now: after a worker has ended, and before the process does. */
  flush(): void {
    const { ring, output, onLine, onDropped } = this.#options;
    let lines: string[] = [];
    let length = 0;
    const pass = (): void => {
      if (lines.length > 0) output.write(lines.join(''));
      lines = [];
      length = 0;
    };
    ring.drain((memory, start, end) => {
      this.#memory ??= Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
      const line = this.#memory.toString('utf8', start, end);
      onLine?.(line);
      lines.push(line);
      length += line.length;
      if (length >= BATCH_LENGTH) pass();
    });
    pass();
    for (let lineClass = 0; lineClass < LINE_CLASSES; lineClass += 1) {
      const dropped = ring.takeDropped(lineClass);
      if (dropped > 0) onDropped(dropped);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#options.ring.wake();
    this.flush();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      await this.#options.ring.whenReadable();
      if (this.#isStopped) return;
      try {
        this.flush();
      } catch (cause) {
        // Otherwise one bad line would be the last one of this worker, for as long as the process lives.
        this.#options.onFailure(cause);
      }
      // Many lines with one wake-up. Not a timer that keeps the process alive.
      await new Promise<void>((resolve) => void setTimeout(resolve, PAUSE_MS).unref());
    }
  }
}

/** Innocent access lines, and everything else. */
const LINE_CLASSES = 2;

/** How long lines gather. */
const PAUSE_MS = 20;

/** Characters handed over at once. */
const BATCH_LENGTH = 65_536;
