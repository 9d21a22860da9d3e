/**
 * Signals that ask a running gateway for something and come before it can do it. Without a listener they would end the process:
 * a service manager that reloads in the moment after a start would stop the service instead.
 */
export class EarlySignals {
  readonly #came = new Set<NodeJS.Signals>();
  readonly #note = (signal: NodeJS.Signals): void => void this.#came.add(signal);

  constructor() {
    for (const signal of ASKING) process.on(signal, this.#note);
  }

  /** Hands over to listeners that are there by now: they hear each signal that came, once. */
  handOver(): void {
    for (const signal of ASKING) process.off(signal, this.#note);
    for (const signal of this.#came) process.emit(signal, signal);
    this.#came.clear();
  }
}

const ASKING: readonly NodeJS.Signals[] = ['SIGHUP', 'SIGUSR2'];
