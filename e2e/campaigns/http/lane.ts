import { exchangesIn, type LiveGateway, startGateway } from '../../../packages/gateway/test/request/live-gateway.ts';
import { Recorder } from '../../../packages/gateway/test/request/recorder.ts';
import { readResponses } from '../../../packages/gateway/test/request/response-reader.ts';
import { converse } from './client.ts';
import type { Input } from './input.ts';
import type { GatewayObservation } from './observation.ts';

/** Turns of the event loop without any activity after which nothing more comes of what was sent: all ends are in this process. */
const QUIET_TURNS = 12;
/** Longest wait for something that must come. Only a defect needs it. */
const DEADLINE_MS = 5_000;

/** A gateway with an upstream of its own: one input at a time, so that everything that happens belongs to it. */
export class Lane {
  readonly #recorder: Recorder;
  readonly #gateway: LiveGateway;
  readonly #activity: Activity;

  constructor(recorder: Recorder, gateway: LiveGateway, activity: Activity) {
    this.#recorder = recorder;
    this.#gateway = gateway;
    this.#activity = activity;
  }

  static async open(): Promise<Lane> {
    const activity = new Activity();
    const recorder = new Recorder(() => activity.note());
    const gateway = await startGateway(await recorder.listen(), {}, () => activity.note());
    return new Lane(recorder, gateway, activity);
  }

  /** `quietMs`: wait at least so long for more, for whoever has to be certain. */
  async run({ segments, expected }: Input, quietMs = 0): Promise<GatewayObservation> {
    const activity = this.#activity;
    const before = this.#gateway.events.length;
    const pace = {
      onActivity: () => activity.note(),
      quiet: async () => {
        if (expected === undefined) await activity.quiet(QUIET_TURNS);
        else await activity.until(() => exchangesIn(this.#gateway.events.slice(before)).length >= expected.length);
        if (quietMs > 0) await new Promise((resolve) => setTimeout(resolve, quietMs));
      },
    };
    const { received, isClosed } = await converse(this.#gateway.port, segments, pace, DEADLINE_MS);
    await activity.quiet(QUIET_TURNS);
    const events = exchangesIn(this.#gateway.events);
    this.#gateway.events.length = 0;
    return { received, isClosed, events, errors: this.#gateway.errors.splice(0), ...this.#recorder.take() };
  }

  close(): void {
    this.#gateway.close();
    this.#recorder.close();
  }
}

/** Counts what happens, to know when nothing does. */
class Activity {
  #count = 0;

  note(): void {
    this.#count += 1;
  }

  /** So many turns of the event loop in a row in which nothing happened. */
  async quiet(turns: number): Promise<void> {
    let seen = this.#count;
    for (let idle = 0; idle < turns; idle += 1) {
      await turn();
      if (this.#count !== seen) idle = -1;
      seen = this.#count;
    }
  }

  async until(isReached: () => boolean): Promise<void> {
    const endMs = performance.now() + DEADLINE_MS;
    while (!isReached() && performance.now() < endMs) await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The responses in `received`; which of them answer HEAD is known from the events. */
export function responsesOf({ received, events }: GatewayObservation): ReturnType<typeof readResponses> {
  let position = 0;
  const answered = events.filter((event) => event.status > 0);
  return readResponses(received, () => {
    const event = answered[position];
    position += 1;
    return event?.method === 'HEAD';
  });
}
