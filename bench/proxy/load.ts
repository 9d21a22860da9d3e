/** One measured round of wrk against one server. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Server } from '../harness/servers.ts';

export interface Round {
  readonly requestsPerSecond: number;
  /** Of the server's whole process tree, for each request that the load generator counted. */
  readonly cpuUsPerRequest: number;
  /** Share of one processor that the server used, 0 to 1: far below 1 the load generator was the limit, not the server. */
  readonly busy: number;
  /** Share of the time in which the server had to wait because somebody else used its processor, 0 to 1. */
  readonly disturbed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Clients at once, each with one connection that stays open. */
const CONNECTIONS = 64;

/** Loads a server for some seconds. @throws Error where a single request went wrong: such a round means nothing. */
export async function load(server: Server, seconds: number, cpu: number): Promise<Round> {
  const script = fileURLToPath(new URL('browser.lua', import.meta.url));
  const wrk = ['wrk', '-t', '1', '-c', String(CONNECTIONS), '-d', `${seconds}s`, '--timeout', '5s', '-s', script];
  const before = server.program.scheduled();
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', String(cpu), ...wrk, `http://127.0.0.1:${server.port}`],
    {
      timeout: (seconds + STOP_SECONDS_MAX) * 1_000,
    },
  );
  const after = server.program.scheduled();
  const cpuUs = after.cpuUs - before.cpuUs;
  const figures = FIGURES.exec(stdout)?.groups;
  if (figures === undefined) throw new Error(`wrk against ${server.name} printed no figures:\n${stdout}`);
  const [requests, durationUs, p50Us, p99Us, errors] = [
    Number(figures['requests']),
    Number(figures['duration']),
    Number(figures['p50']),
    Number(figures['p99']),
    Number(figures['errors']),
  ];
  if (errors > 0 || requests === 0) throw new Error(`${server.name}: ${errors} errors in ${requests} requests`);
  return {
    requestsPerSecond: requests / (durationUs / 1e6),
    cpuUsPerRequest: cpuUs / requests,
    busy: cpuUs / durationUs,
    disturbed: (after.waitUs - before.waitUs) / durationUs,
    p50Ms: p50Us / 1_000,
    p99Ms: p99Us / 1_000,
  };
}

/** What wrk may take to end after its time. */
const STOP_SECONDS_MAX = 10;

/** The line that browser.lua writes. */
const FIGURES =
  /^figures requests=(?<requests>\d+) duration_us=(?<duration>\d+) p50_us=(?<p50>\d+) p99_us=(?<p99>\d+) errors=(?<errors>\d+)$/m;
