import { randomBytes } from 'node:crypto';
import type { Clock, EventSink, SystemEvent } from '@sallyport/kernel';

/** Events of the process itself, for whoever holds several data planes. */
export class SystemEmitter {
  /** Names this start of the process. */
  readonly boot: string = randomBytes(5).toString('hex');
  readonly #options: { readonly node: string; readonly sink: EventSink; readonly clock: Clock };
  #sequence = 0;

  constructor(options: { readonly node: string; readonly sink: EventSink; readonly clock: Clock }) {
    this.#options = options;
  }

  system(what: SystemEvent['what'], detail: string): void {
    const { node, sink, clock } = this.#options;
    this.#sequence += 1;
    sink.emit({
      kind: 'system',
      node,
      boot: this.boot,
      sequence: this.#sequence,
      timeMs: clock.wallMs(),
      what,
      detail,
    });
  }
}
