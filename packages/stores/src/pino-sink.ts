import type { Event, EventSink, Log, LogFields } from '@sallyport/kernel';
import { type DestinationStream, destination, type Level, type Logger, pino, stdTimeFunctions } from 'pino';
import { eventLevel, eventLine } from './event-line.ts';

export interface PinoOptions {
  /** Least important lines that are written. */
  readonly level: Level;
  /** A file that is appended to, or undefined for standard output. */
  readonly file: string | undefined;
  /** Called with the number of lines given up since the last call, because the disk or pipe could not keep up. */
  readonly onDropped: (lines: number) => void;
}

/** The process log and the access log on one stream of JSON lines. */
export interface PinoOutput {
  readonly log: Log;
  readonly sink: EventSink;
  /** Writes lines that others have formatted. */
  write(lines: string): void;
  /** Writes what is waiting; resolves when that is done or cannot be done in `FLUSH_DEADLINE_MS`. Call before the process ends. */
  flush(): Promise<void>;
}

/** Characters gathered before they are written: one system call for many lines. */
const BATCH_LENGTH = 16_384;
/** Most bytes of one write. */
const WRITE_BYTES_MAX = 131_072;
/** Longest time a line waits in a batch. */
export const FLUSH_MS = 250;
/** Bytes that may wait for a slow disk or a blocked pipe. Beyond it lines are dropped and counted: a full disk must not become a full memory. */
export const LOG_BUFFER_BYTES_MAX = 16_777_216;

/**
 * Opens the log. Lines are formatted here and written in batches without blocking; what cannot be written in time is
 * dropped and counted, never waited for.
 *
 * @throws Error when the file cannot be opened.
 */
export function openPino(options: PinoOptions): PinoOutput {
  const { file } = options;
  const stream = destination({
    ...(file === undefined ? { fd: 1 } : { dest: file, append: true, mkdir: true }),
    sync: false,
    minLength: 1,
    maxWrite: WRITE_BYTES_MAX,
    maxLength: LOG_BUFFER_BYTES_MAX,
  });
  stream.on('drop', (lines: string) => options.onDropped(lines.split('\n').length - 1));
  // A reader that closes the pipe takes its lines with it; the gateway goes on.
  stream.on('error', () => options.onDropped(1));
  const batch = new Batch(stream);
  return {
    ...pinoOn(batch, options.level),
    write: (lines) => batch.write(lines),
    flush: () => {
      batch.end();
      return flush(stream);
    },
  };
}

/** Joins lines before the stream sees them: it measures everything that waits at each write. */
class Batch implements DestinationStream {
  readonly #stream: DestinationStream;
  readonly #timer: NodeJS.Timeout;
  #lines: string[] = [];
  #length = 0;

  constructor(stream: DestinationStream) {
    this.#stream = stream;
    this.#timer = setInterval(() => this.#pass(), FLUSH_MS).unref();
  }

  write(line: string): void {
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= BATCH_LENGTH) this.#pass();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#pass();
  }

  #pass(): void {
    if (this.#length === 0) return;
    const lines = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    this.#stream.write(lines);
  }
}

/**
 * The same on any stream. Messages go through pino; events are written beside it, because they are many and their shape is
 * known, and pino's general way costs several times as much.
 */
export function pinoOn(
  stream: DestinationStream,
  level: Level,
): { readonly log: Log; readonly sink: EventSink; readonly isEnabled: (level: Level) => boolean } {
  const logger = pino(
    {
      base: null,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const isEnabled = (importance: Level): boolean => logger.isLevelEnabled(importance);
  const emit = (event: Event): void => {
    if (isEnabled(eventLevel(event))) stream.write(eventLine(event));
  };
  return { log: new PinoLog(logger), sink: { emit }, isEnabled };
}

class PinoLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  info(message: string, fields?: LogFields): void {
    this.#logger.info(described(fields), message);
  }

  warn(message: string, fields?: LogFields): void {
    this.#logger.warn(described(fields), message);
  }

  error(message: string, fields?: LogFields): void {
    this.#logger.error(described(fields), message);
  }
}

/** Errors have no enumerable fields of their own; what operators need of one is its name, message, code and stack. */
function described(fields: LogFields | undefined): Record<string, unknown> {
  const result: Record<string, unknown> = { kind: 'log' };
  for (const [key, value] of Object.entries(fields ?? {})) {
    result[key] =
      value instanceof Error
        ? { name: value.name, message: value.message, code: Reflect.get(value, 'code'), stack: value.stack }
        : value;
  }
  return result;
}

/** Longest time the end of the process waits for its log: a full disk must not keep a gateway from stopping. */
export const FLUSH_DEADLINE_MS = 2_000;

function flush(stream: ReturnType<typeof destination>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FLUSH_DEADLINE_MS);
    stream.flush(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
