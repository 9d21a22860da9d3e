import type { SystemEmitter } from '@sallyport/gateway';
import type { Clock, Log } from '@sallyport/kernel';
import type { ErrorReports } from '../notifications/error-reports.ts';
import type { ControlMetrics } from './control-metrics.ts';
import type { WorkerNews } from './fleet.ts';
import { describeInputs, keepLostInput } from './lost-input.ts';

export interface WorkerNewsOptions {
  readonly emitter: SystemEmitter;
  readonly metrics: ControlMetrics;
  readonly reports: ErrorReports;
  readonly log: Log;
  readonly clock: Clock;
  /** Folder for what a lost worker was judging; undefined: it is not kept. */
  readonly diagnostics: string | undefined;
}

/** Records what has become of a worker. */
export function recordWorkerNews(news: WorkerNews, options: WorkerNewsOptions): void {
  const { emitter, metrics, reports } = options;
  switch (news.kind) {
    case 'started':
      return emitter.system('worker-started', `worker ${news.slot}`);
    case 'unforeseen':
      reports.report({ level: 'error', ...news.error });
      return emitter.system('worker-lost', `worker ${news.slot} is replaced: ${news.error.message}`);
    case 'stage-failed':
      // The request has its event, and the log what was thrown.
      return reports.report({ level: 'error', ...news.error, name: `StageFailed.${news.stage}.${news.error.name}` });
    case 'lost': {
      const { slot, end, inputs } = news;
      if (end.cause === 'stopped') return;
      metrics.workersLost.with(end.cause).add();
      const judged = inputs.length === 0 ? '' : `; it was judging ${describeInputs(inputs)}`;
      emitter.system('worker-lost', `worker ${slot}: ${end.cause}, ${end.detail}${judged}`);
      // One that cannot start says why to whoever starts it: an address in use is no bug of ours.
      if (end.cause !== 'start')
        reports.report({ level: 'fatal', name: `WorkerLost.${end.cause}`, message: end.detail });
      if (inputs.length > 0) keep(slot, inputs, options);
    }
  }
}

function keep(worker: number, inputs: readonly Uint8Array[], { diagnostics, clock, log }: WorkerNewsOptions): void {
  if (diagnostics === undefined) return;
  try {
    const name = `worker-${worker}-${new Date(clock.wallMs()).toISOString().replaceAll(':', '')}`;
    log.warn('what a lost worker was judging is kept', { worker, path: keepLostInput(diagnostics, name, inputs) });
  } catch (error) {
    log.error('what a lost worker was judging cannot be kept', { worker, error });
  }
}
