import type { Recorder } from '../../../packages/gateway/test/request/recorder.ts';
import { converse } from './client.ts';
import type { Input } from './input.ts';
import type { Observation } from './observation.ts';

/** Longest wait for the peer to close its side; what has arrived by then is what counts. */
const DEADLINE_MS = 400;

/** One way through another proxy to a recorder of its own: one input at a time. */
export class PeerLane {
  readonly #recorder: Recorder;
  readonly #port: number;
  #lastMs = 0;

  constructor(recorder: Recorder, port: number) {
    this.#recorder = recorder;
    this.#port = port;
  }

  /** `quietMs` of silence mean that nothing more comes. The peer is another process: turns of our event loop say nothing. */
  async run({ segments }: Input, quietMs: number): Promise<Observation> {
    this.#recorder.take();
    const pace = { onActivity: () => this.#note(), quiet: () => this.#quiet(quietMs) };
    this.#recorder.onActivity = pace.onActivity;
    const conversation = await converse(this.#port, segments, pace, DEADLINE_MS);
    await this.#quiet(Math.min(quietMs, 10));
    return { ...conversation, ...this.#recorder.take() };
  }

  #note(): void {
    this.#lastMs = performance.now();
  }

  async #quiet(quietMs: number): Promise<void> {
    this.#note();
    for (let leftMs = quietMs; leftMs > 0; leftMs = this.#lastMs + quietMs - performance.now())
      await new Promise((resolve) => setTimeout(resolve, leftMs));
  }
}
