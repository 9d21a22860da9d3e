import type { Serving } from './serve.ts';

/**
 * Keeps a gateway running until it is told to stop; the answer is the exit code.
 *
 * SIGTERM and SIGINT drain; a second one ends the process at once. An error that nobody foresaw is logged and counted, and
 * the gateway goes on (R0.5): what is shared between connections is changed in one step, so what such an error leaves
 * behind is at worst one connection, which its deadlines end.
 *
 * `onStopping` is called when the drain begins.
 */
export function runUntilStopped(serving: Serving, onStopping?: () => void): Promise<number> {
  process.on('uncaughtException', (error) => serving.onInternalError(error));
  process.on('unhandledRejection', (error) => serving.onInternalError(error));
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (isStopping) {
        serving.log.warn('stopping at once', { signal });
        void serving.abort().then(() => resolve(EXIT_FORCED));
        return;
      }
      isStopping = true;
      serving.log.info('stopping', { signal });
      onStopping?.();
      serving.stop().then(
        () => resolve(0),
        (error: unknown) => {
          serving.onInternalError(error);
          resolve(1);
        },
      );
    };
    // A service manager's reload must not end the service.
    process.on('SIGHUP', () =>
      serving.log.warn('there is no reload yet; restart to take over a changed configuration'),
    );
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  });
}

const EXIT_FORCED = 1;
