import { statSync } from 'node:fs';
import type { PolicySource } from '@sallyport/control';
import type { EarlySignals } from './early-signals.ts';
import type { PublishOutcome } from './plane/policies.ts';
import { startSuccessor } from './plane/take-over.ts';
import type { Serving } from './serve.ts';

export interface LifetimeOptions {
  /** Called when the drain begins. */
  readonly onStopping?: () => void;
  /** Called before the configuration is read again, and when that is over, whatever came of it. */
  readonly onReloading?: () => void;
  readonly onReloaded?: () => void;
  /** Another process serves now. A drain follows, of which `onStopping` does not hear. */
  readonly onHandedOver?: () => void;
  /** A file whose change is taken over; undefined: none is watched. */
  readonly watchedFile?: string | undefined;
  /** Signals that came before this was called. */
  readonly early?: EarlySignals | undefined;
  /** For a process that takes over. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * Keeps a gateway running until it is told to stop; the answer is the exit code.
 *
 * SIGTERM and SIGINT drain; a second one ends the process at once. SIGHUP reads the configuration again. SIGUSR2 starts this
 * program once more, hands it the listening sockets, and drains when that serves. An error that nobody foresaw is logged and
 * counted, and the gateway goes on (R0.5).
 */
export function runUntilStopped(serving: Serving, options: LifetimeOptions = {}): Promise<number> {
  process.on('uncaughtException', (error) => serving.onInternalError(error));
  process.on('unhandledRejection', (error) => serving.onInternalError(error));
  return new Promise((resolve) => {
    let isStopping = false;
    /** The drain ends as well when it is cut short, and must not be the one that says how the process ended. */
    let isForced = false;
    const drained = (code: number): void => {
      if (!isForced) resolve(code);
    };
    const stop = (why: string): void => {
      isStopping = true;
      serving.log.info('stopping', { signal: why });
      serving.stop().then(
        () => drained(0),
        (error: unknown) => {
          serving.onInternalError(error);
          drained(EXIT_FAILED);
        },
      );
    };
    const successor = new AbortController();
    const onSignal = (signal: NodeJS.Signals): void => {
      successor.abort();
      if (!isStopping) {
        options.onStopping?.();
        return stop(signal);
      }
      serving.log.warn('stopping at once', { signal });
      isForced = true;
      serving
        .abort()
        .catch((error: unknown) => serving.onInternalError(error))
        .finally(() => resolve(EXIT_FORCED));
    };
    const reload = (source: PolicySource, author: string): void => {
      if (isStopping) return;
      options.onReloading?.();
      void reloadNow(serving, source, author).then(options.onReloaded);
    };
    let isHandingOver = false;
    const handOver = async (): Promise<void> => {
      if (isStopping || isHandingOver) return;
      isHandingOver = true;
      const isServed = await handOverNow(serving, options.environment ?? {}, successor.signal);
      isHandingOver = false;
      if (!isServed || isStopping) return;
      options.onHandedOver?.();
      stop('SIGUSR2');
    };
    serving.onDrainAsked(() => onSignal('SIGTERM'));
    process.on('SIGHUP', () => reload('signal', 'SIGHUP'));
    process.on('SIGUSR2', () => void handOver());
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    options.early?.handOver();
    if (options.watchedFile !== undefined) watch(options.watchedFile, () => reload('file', options.watchedFile ?? ''));
  });
}

const EXIT_FAILED = 1;
const EXIT_FORCED = 1;

async function reloadNow(serving: Serving, source: PolicySource, author: string): Promise<void> {
  try {
    report(serving, await serving.reload(source, author));
  } catch (error) {
    serving.onInternalError(error);
  }
}

/** What became of a reload, for whoever reads the log. */
function report({ log }: Serving, outcome: PublishOutcome): void {
  switch (outcome.kind) {
    case 'published':
      return log.info('a new policy is in force', { version: outcome.version, hash: outcome.hash });
    case 'unchanged':
      return log.info('the configuration has not changed', { version: outcome.version, hash: outcome.hash });
    case 'refused':
      return log.error('the configuration is refused, and the policy before it stays in force', {
        problems: outcome.problems.map(({ line, key, problem }) => `line ${line}: ${key} ${problem}`),
      });
    case 'failed':
      return log.error('the policy could not be published, and the one before it stays in force', {
        why: outcome.detail,
      });
  }
}

async function handOverNow(
  serving: Serving,
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await serving.yieldState();
    await serving.noteTakeOver(await startSuccessor({ sockets: serving.socketNumbers(), environment, signal }));
    return true;
  } catch (error) {
    await serving.noteTakeOver({ failure: error instanceof Error ? error.message : String(error) });
    await serving
      .resumeState()
      .catch((cause: unknown) => serving.log.error('the state cannot be had again', { error: cause }));
    return false;
  }
}

/**
 * Calls back when a file has changed and then stayed the same for one look: whoever writes it may not be done at the first one.
 * Looking works where notifications do not: behind links that are exchanged, and on file systems of others.
 */
function watch(path: string, onChange: () => void): void {
  let known = fingerprint(path);
  let seen = known;
  setInterval(() => {
    const now = fingerprint(path);
    const isSettled = now === seen;
    seen = now;
    if (!isSettled || now === known || now === '') return;
    known = now;
    onChange();
  }, WATCH_MS).unref();
}

const WATCH_MS = 1_000;

/** '' while there is no such file, or it cannot be looked at. */
function fingerprint(path: string): string {
  try {
    const { dev, ino, size, mtimeMs } = statSync(path);
    return `${dev} ${ino} ${size} ${mtimeMs}`;
  } catch {
    return '';
  }
}
