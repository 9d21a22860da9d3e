/**
 * A client in a process of its own: sends exactly so many requests over so many connections that stay open, each
 * connection its next one when the answer to the last has come. Exact counts let a server's processor time be divided by
 * them even where a request takes it a tenth of a second.
 */
import { Buffer } from 'node:buffer';
import { Connection } from '../harness/http-connection.ts';
import { answerLines } from '../harness/line-process.ts';
import { TRAFFIC, type TrafficKind, wireBytes } from './traffic.ts';

export interface Job {
  readonly port: number;
  readonly kind: TrafficKind;
  readonly requests: number;
  readonly connections: number;
}

export interface Done {
  /** How many answers had which status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly durationUs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const wires = new Map(
  TRAFFIC.map((traffic) => [
    traffic.kind,
    Array.from({ length: traffic.variants }, (_, index) => wireBytes(traffic.request(index))),
  ]),
);

async function play({ port, kind, requests, connections }: Job): Promise<Done> {
  const messages = wires.get(kind) ?? [];
  const statuses: Record<number, number> = {};
  const latenciesMs: number[] = [];
  let sent = 0;
  const startMs = performance.now();
  const one = async (): Promise<void> => {
    let connection: Connection | undefined;
    while (sent < requests) {
      const message = messages[sent % messages.length] ?? Buffer.alloc(0);
      sent += 1;
      if (connection === undefined || connection.isClosed) connection = await Connection.open(port);
      const sentMs = performance.now();
      const status = await connection.exchange(message);
      latenciesMs.push(performance.now() - sentMs);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
    connection?.close();
  };
  await Promise.all(Array.from({ length: connections }, one));
  const durationUs = (performance.now() - startMs) * 1_000;
  const sorted = latenciesMs.toSorted((left, right) => left - right);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.trunc(sorted.length * share))] ?? 0;
  return { statuses, durationUs, p50Ms: at(0.5), p99Ms: at(0.99) };
}

await answerLines((line) => {
  const job: Job = JSON.parse(line);
  return play(job);
});
