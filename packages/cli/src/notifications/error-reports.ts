import { randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import type { SallyportConfig } from '@sallyport/control';
import type { Clock, Log, MetricsRegistry } from '@sallyport/kernel';
import { type ErrorReport, ErrorReporter, REPORT_DROPS } from '@sallyport/stores';
import { PACKAGE_FOLDER, VERSION } from '../version.ts';
import { describeThrown } from './describe-thrown.ts';

/** Where errors of the gateway itself are reported; without `errorReports`, nowhere. */
export interface ErrorReports {
  readonly report: (error: ErrorReport) => void;
  /** What somebody has thrown, which may be anything. */
  readonly thrown: (cause: unknown) => void;
  /** Sends what waits, within a short while. */
  readonly close: () => Promise<void>;
}

export function createErrorReports(
  { errorReports, gateway }: Pick<SallyportConfig, 'errorReports' | 'gateway'>,
  options: { readonly node: string; readonly clock: Clock; readonly log: Log; readonly registry: MetricsRegistry },
): ErrorReports {
  const { node, clock, log, registry } = options;
  const sent = registry.counter('sallyport_error_reports_sent_total', 'Reports of errors that the receiver has taken.');
  const dropped = registry.counter(
    'sallyport_error_reports_dropped_total',
    'Reports of errors that were not sent: `repeated` (the same one was, within the hour), `rate` (too many in a minute), `full` (too many wait), `limited` (the receiver wants a pause), `failed`.',
    ['cause'],
  );
  sent.with().add(0);
  for (const cause of REPORT_DROPS) dropped.with(cause);
  if (errorReports === undefined) return SILENT;
  const { endpoint, key, environment = gateway.mode } = errorReports;
  const reporter = new ErrorReporter({
    endpoint,
    key,
    environment,
    version: VERSION,
    release: `sallyport@${VERSION}`,
    serverName: node,
    folders: ownFolders(),
    clock,
    newId: () => randomBytes(16).toString('hex'),
    onSent: () => sent.with().add(),
    onDropped: (cause) => dropped.with(cause).add(),
    onFailing: (failure) => log.warn('reports of errors are not taken', { failure }),
  });
  return {
    report: (error) => reporter.report(error),
    thrown: (cause) => reporter.report({ level: 'error', ...describeThrown(cause) }),
    close: () => reporter.close(),
  };
}

const SILENT: ErrorReports = {
  report: () => undefined,
  thrown: () => undefined,
  close: () => Promise.resolve(),
};

/** In a checkout our packages stand side by side. */
function ownFolders(): readonly string[] {
  const beside = dirname(PACKAGE_FOLDER);
  return basename(beside) === 'packages' ? [`${beside}/`] : [PACKAGE_FOLDER];
}
