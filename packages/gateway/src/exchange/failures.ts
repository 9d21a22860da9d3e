import type { ExchangeRecord } from '../emit/record.ts';
import type { StageName } from '../pipeline/order.ts';
import type { GatewayContext } from './context.ts';

/** A stage has thrown, which is a bug of ours: what became of the request says its event, and this says why. */
export function noteStageFailure(
  { log, onStageFailure }: Pick<GatewayContext, 'log' | 'onStageFailure'>,
  { stage, requestId, cause }: { readonly stage: StageName; readonly requestId: string; readonly cause: unknown },
): void {
  log.error('a stage failed', { stage, requestId, error: cause });
  onStageFailure(stage, cause);
}

/** Something of an exchange has thrown, which is a bug of ours. `what` has failed, for the log. */
export function noteInternalError(
  { log, metrics }: Pick<GatewayContext, 'log' | 'metrics'>,
  record: ExchangeRecord,
  { what, cause }: { readonly what: string; readonly cause: unknown },
): void {
  metrics.internalErrors.add();
  log.error(what, { requestId: record.requestId, error: cause });
  record.faultOf = 'internal';
}
