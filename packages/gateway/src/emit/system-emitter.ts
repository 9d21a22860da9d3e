import { randomBytes } from 'node:crypto';
import type {
  AdministrationEvent,
  AuthenticationEvent,
  Clock,
  DecisionEvent,
  EventIdentity,
  EventSink,
  SystemEvent,
} from '@sallyport/kernel';

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
    this.#options.sink.emit({ kind: 'system', ...this.#identity(), what, detail });
  }

  decision(facts: Pick<DecisionEvent, 'phase' | 'decision' | 'author'>): void {
    this.#options.sink.emit({ kind: 'decision', ...this.#identity(), ...facts });
  }

  administration(facts: Omit<AdministrationEvent, keyof EventIdentity | 'kind' | 'timeMs'>): void {
    this.#options.sink.emit({ kind: 'administration', ...this.#identity(), ...facts });
  }

  /** Somebody came to a door of the administration, which knows no addresses but those of this machine. */
  authentication(facts: Pick<AuthenticationEvent, 'method' | 'result' | 'subject' | 'reasonDetail'>): void {
    this.#options.sink.emit({
      kind: 'authentication',
      ...this.#identity(),
      requestId: '',
      listener: '',
      route: '',
      client: { address: '', network: '', peer: '', evidence: 'peer' },
      realm: 'administration',
      reason: '',
      ...facts,
    });
  }

  #identity(): EventIdentity & { readonly timeMs: number } {
    const { node, clock } = this.#options;
    this.#sequence += 1;
    return { node, boot: this.boot, sequence: this.#sequence, timeMs: clock.wallMs() };
  }
}
