import type { Channel, ChannelListener } from '../../../src/plane/hand-over/channel.ts';

/** Two ends of one channel in this process. What is sent arrives later, as a copy, in order. */
export class ChannelPair {
  readonly old: Channel;
  readonly young: Channel;
  /** What the young one has sent, and whether the old one gets it. */
  readonly sent: unknown[] = [];
  isStalled = false;
  readonly #held: (() => void)[] = [];
  readonly #listeners: { old?: ChannelListener; young?: ChannelListener } = {};
  #isClosed = false;

  constructor() {
    this.old = this.#end('old', 'young');
    this.young = this.#end('young', 'old');
  }

  /** Brings what was held back. */
  flow(): void {
    this.isStalled = false;
    for (const bring of this.#held.splice(0)) bring();
  }

  #end(own: 'old' | 'young', other: 'old' | 'young'): Channel {
    return {
      send: async (message) => {
        if (own === 'young') this.sent.push(message);
        const copy: unknown = structuredClone(message);
        const bring = (): void => queueMicrotask(() => this.#listeners[other]?.onMessage(copy));
        if (this.isStalled && own === 'young') this.#held.push(bring);
        else bring();
      },
      listen: (listener) => {
        this.#listeners[own] = listener;
      },
      close: () => {
        if (this.#isClosed) return;
        this.#isClosed = true;
        queueMicrotask(() => {
          this.#listeners.old?.onClosed();
          this.#listeners.young?.onClosed();
        });
      },
    };
  }
}
