import type { StatusAnswer, WorkerStatus } from '@sallyport/control/contract';
import { EXIT } from '../io.ts';
import { type AdminCommand, finish, UsageError } from './command.ts';
import { formatSpan, formatTime, printable, table } from './print.ts';

/** `sallyport status`. */
export const STATUS: AdminCommand = {
  usage: `Usage: sallyport status [options]

Says how the running gateway is doing. The exit code is 1 when it is not ready.
`,
  run: async (call) => {
    if (call.words.length > 0) throw new UsageError(`there is no ${call.words.join(' ')}`);
    const outcome = await call.client.call('getStatus', {});
    const code = finish(call, outcome, showStatus);
    return outcome.kind === 'answer' && !outcome.answer.isReady ? EXIT.failed : code;
  },
};

/** `sallyport workers`. */
export const WORKERS: AdminCommand = {
  usage: `Usage: sallyport workers [options]

Lists the threads that carry traffic.
`,
  run: async (call) => {
    if (call.words.length > 0) throw new UsageError(`there is no ${call.words.join(' ')}`);
    return finish(call, await call.client.call('listWorkers', {}), ({ workers }) => showWorkers(workers));
  },
};

function showStatus(status: StatusAnswer): string {
  const { policy, workers } = status;
  const state = status.isDraining ? 'draining' : status.isReady ? 'ready' : 'not ready';
  const lines = [
    `${status.node}: ${state}, ${status.mode}, version ${status.version}, up ${formatSpan(status.uptimeMs)} (boot ${status.boot})`,
    ...status.notReadyReasons.map((reason) => `  not ready: ${reason}`),
    `policy: version ${policy.version} (${policy.hash.slice(0, HASH_SHOWN)}), published ${formatTime(policy.publishedMs)}`,
    `workers: ${workers.running} of ${workers.all} running; attack level ${status.attackLevel}`,
  ];
  const listeners = status.listeners.map(({ name, address, isTls }) => [name, address, isTls ? 'TLS' : 'plaintext']);
  const upstreams = status.upstreams.map(({ name, serversUp, serversAll, isBreakerOpen }) => [
    name,
    `${serversUp} of ${serversAll}`,
    isBreakerOpen ? 'open' : 'closed',
  ]);
  return [
    `${lines.map(printable).join('\n')}\n`,
    table(['LISTENER', 'ADDRESS', 'TLS'], listeners),
    table(['UPSTREAM', 'SERVERS UP', 'BREAKER'], upstreams),
  ].join('\n');
}

/** Characters of a hash that tell versions apart. */
const HASH_SHOWN = 12;

function showWorkers(workers: readonly WorkerStatus[]): string {
  const rows = workers.map((worker) => [
    String(worker.id),
    worker.state,
    formatTime(worker.startedMs),
    String(worker.restarts),
    String(worker.connections),
    worker.eventLoopDelayMs === null ? '?' : `${worker.eventLoopDelayMs.toFixed(1)}ms`,
    worker.heapUsedBytes === null ? '?' : `${Math.round(worker.heapUsedBytes / 1_048_576)}MB`,
    worker.lastFailure === null ? '-' : `${formatTime(worker.lastFailure.timeMs)} ${worker.lastFailure.reason}`,
  ]);
  return table(['ID', 'STATE', 'SINCE', 'RESTARTS', 'CONNECTIONS', 'DELAY', 'HEAP', 'LAST FAILURE'], rows);
}
