import type { Notice, NoticeSeverity, ServiceResult } from '@sallyport/kernel';
import type { CertificateStage, CertificateState } from './certificate-watch.ts';
import { type ServiceConfig, targetText } from './service.ts';

/** What operators are told of services and certificates. */

export function serviceNotice(
  service: ServiceConfig,
  facts: {
    readonly status: Notice['status'];
    readonly last: Pick<ServiceResult, 'code' | 'detail'> | undefined;
    readonly isFlapping: boolean;
    readonly timeMs: number;
  },
): Notice {
  const { status, last, isFlapping, timeMs } = facts;
  const { name, target } = service;
  const why = last === undefined || last.code === '' ? '' : ` (${[last.code, last.detail].filter(Boolean).join(', ')})`;
  return {
    kind: 'service-down',
    subject: name,
    status,
    severity: 'critical',
    summary: status === 'firing' ? `${name} is down${why}.` : `${name} is not down any more.`,
    facts: {
      check: target.kind,
      target: targetText(target),
      ...(status === 'firing' && last !== undefined && last.code !== '' ? { code: last.code } : {}),
      ...(isFlapping ? { flapping: 'yes' } : {}),
    },
    timeMs,
  };
}

/** Nobody checks it any more: an alarm must not go on for ever. */
export function serviceRemovedNotice(name: string, timeMs: number): Notice {
  return {
    kind: 'service-down',
    subject: name,
    status: 'resolved',
    severity: 'critical',
    summary: `${name} is not checked any more.`,
    facts: {},
    timeMs,
  };
}

export function certificateNotice(subject: string, { endsMs, stage }: CertificateState, timeMs: number): Notice {
  const day = new Date(endsMs).toISOString().slice(0, 10);
  const isEnding = stage !== undefined;
  return {
    kind: 'certificate-ending',
    subject,
    status: isEnding ? 'firing' : 'resolved',
    severity: stage === undefined ? 'info' : SEVERITIES[stage],
    summary: isEnding
      ? `The certificate of ${subject} ${stage === 'ended' ? 'has ended' : 'ends'} on ${day}.`
      : `The certificate of ${subject} is good until ${day}.`,
    facts: { ends: day },
    timeMs,
  };
}

const SEVERITIES: Readonly<Record<CertificateStage, NoticeSeverity>> = {
  'three-weeks': 'info',
  week: 'warning',
  day: 'critical',
  ended: 'critical',
};
