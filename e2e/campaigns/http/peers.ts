import { Recorder } from '../../../packages/gateway/test/request/recorder.ts';
import { compare } from './compare.ts';
import type { Input } from './input.ts';
import type { Lane } from './lane.ts';
import type { GatewayObservation } from './observation.ts';
import { PeerLane } from './peer-lane.ts';
import { type PeerServer, startHaproxy, startNginx } from './peer-server.ts';

/** Silence after which another process is taken to have said everything. */
const QUIET_MS = 25;
/** The same for a difference, which must not be a matter of time. */
const CERTAIN_MS = 400;

/** What came of comparing, by peer and class. */
export interface Tally {
  readonly compared: ReadonlyMap<string, number>;
  readonly classes: ReadonlyMap<string, number>;
}

/** nginx and HAProxy, each with a way of its own for every lane of the campaign. */
export class Peers {
  readonly #servers: readonly PeerServer[];
  readonly #recorders: readonly Recorder[];
  /** By lane: one way through each server. */
  readonly #ways: readonly (readonly { readonly name: string; readonly lane: PeerLane }[])[];
  readonly #compared = new Map<string, number>();
  readonly #classes = new Map<string, number>();

  constructor(servers: readonly PeerServer[], recorders: readonly Recorder[], lanes: number) {
    this.#servers = servers;
    this.#recorders = recorders;
    this.#ways = Array.from({ length: lanes }, (_, lane) =>
      servers.flatMap(({ name, ports }, index) => {
        const recorder = recorders[index * lanes + lane];
        const port = ports[lane];
        return recorder === undefined || port === undefined ? [] : [{ name, lane: new PeerLane(recorder, port) }];
      }),
    );
  }

  /** @throws Error when a server is missing or does not start. */
  static async start(lanes: number): Promise<Peers> {
    const recorders = Array.from({ length: 2 * lanes }, () => new Recorder());
    const ports = await Promise.all(recorders.map((recorder) => recorder.listen()));
    const servers = [await startNginx(ports.slice(0, lanes)), await startHaproxy(ports.slice(lanes))];
    return new Peers(servers, recorders, lanes);
  }

  get tally(): Tally {
    return { compared: this.#compared, classes: this.#classes };
  }

  /** Sends the input to every server; a sentence for each that disagrees with what the gateway made of it. */
  async check(
    input: Input,
    seen: GatewayObservation,
    lane: { index: number; gateway: Lane },
  ): Promise<readonly string[]> {
    const problems: string[] = [];
    for (const { name, lane: way } of this.#ways[lane.index] ?? []) {
      let comparison = compare(input, seen, await way.run(input, QUIET_MS));
      if (comparison === 'differ') {
        const again = await lane.gateway.run(input, CERTAIN_MS);
        const theirs = await way.run(input, CERTAIN_MS);
        comparison = compare(input, again, theirs);
        const list = (requests: typeof theirs.requests): string =>
          requests.map(({ method, target, body }) => `${method} ${target} +${body.length}`).join(', ') || 'nothing';
        if (comparison === 'differ')
          problems.push(`${name} forwarded ${list(theirs.requests)}; we forwarded ${list(again.requests)}`);
      }
      count(this.#compared, name);
      count(this.#classes, `${name} ${comparison}`);
    }
    return problems;
  }

  async close(): Promise<void> {
    for (const server of this.#servers) await server.close();
    for (const recorder of this.#recorders) recorder.close();
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
