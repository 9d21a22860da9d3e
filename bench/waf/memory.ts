import type { LineProcess } from '../harness/line-process.ts';
import { Servers, upstream } from '../harness/servers.ts';
import type { Done, Job } from './client.ts';
import { guardedSallyport } from './sallyport.ts';
import { TRAFFIC } from './traffic.ts';

export interface MemoryPlace {
  readonly dataFolder: string;
  readonly release: string;
  readonly loadCpu: number;
  readonly serverCpu: number;
}

/**
 * What a gateway holds more for each further worker, in mebibytes: one with {@link WORKERS} beside one with a single worker, where every
 * worker has had the same traffic.
 */
export async function memoryPerWorker(place: MemoryPlace, client: LineProcess<Job, Done>): Promise<number> {
  const one = await residentMib(1, place, client);
  const several = await residentMib(WORKERS, place, client);
  return (several - one) / (WORKERS - 1);
}

const WORKERS = 3;

async function residentMib(
  workers: number,
  { dataFolder, release, loadCpu, serverCpu }: MemoryPlace,
  client: LineProcess<Job, Done>,
): Promise<number> {
  const servers = new Servers();
  try {
    const { port: upstreamPort } = await servers.start(upstream, loadCpu);
    const launch = guardedSallyport(`workers-${workers}`, { dataFolder, release, workers, keepsState: true });
    const { port, program } = await servers.start(launch, serverCpu, upstreamPort);
    for (let turn = 0; turn < TURNS; turn += 1) {
      for (const { kind, variants } of TRAFFIC) {
        const each = variants < FEW_VARIANTS && kind !== 'attack' ? LARGE_REQUESTS : REQUESTS;
        // The acceptor gives each connection to the worker that has the fewest.
        await client.ask({ port, kind, requests: each * workers, connections: CONNECTIONS * workers });
      }
    }
    return program.residentMib();
  } finally {
    await servers.stop();
  }
}

/** For each worker and kind of traffic. */
const TURNS = 2;
const REQUESTS = 200;
const LARGE_REQUESTS = 8;
const FEW_VARIANTS = 10;
const CONNECTIONS = 8;
