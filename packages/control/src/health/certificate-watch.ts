import { DAY_MS } from './shares.ts';

/** How near the end of a certificate is; undefined: far. */
export type CertificateStage = 'three-weeks' | 'week' | 'day' | 'ended';

/** How it is with one certificate that was looked at. */
export interface CertificateState {
  readonly endsMs: number;
  readonly stage: CertificateStage | undefined;
}

/** What has changed since it was looked at last. */
export type CertificateNews = 'ending' | 'renewed' | undefined;

function stageOf(endsMs: number, nowMs: number): CertificateStage | undefined {
  const leftMs = endsMs - nowMs;
  if (leftMs <= 0) return 'ended';
  if (leftMs <= DAY_MS) return 'day';
  if (leftMs <= 7 * DAY_MS) return 'week';
  return leftMs <= 21 * DAY_MS ? 'three-weeks' : undefined;
}

/** Looks at a certificate again. Each stage is news once; so is a new certificate after one that was about to end. */
export function nextCertificate(
  before: CertificateState | undefined,
  endsMs: number,
  nowMs: number,
): { readonly state: CertificateState; readonly news: CertificateNews } {
  const state = { endsMs, stage: stageOf(endsMs, nowMs) };
  if (state.stage === before?.stage) return { state, news: undefined };
  return { state, news: state.stage === undefined ? 'renewed' : 'ending' };
}
