/** How services are that the gateway checks, and what happened to them. */

import type { CertificateStage } from '../health/certificate-watch.ts';
import type { ServiceKind } from '../health/service.ts';

export interface ServicesAnswer {
  /** In the order of the configuration. */
  readonly services: readonly ServiceRecord[];
  /** Certificates that the gateway itself serves. */
  readonly certificates: readonly ListenerCertificateRecord[];
}

export interface ServiceRecord {
  readonly name: string;
  readonly kind: ServiceKind;
  /** Where it is; without queries. */
  readonly target: string;
  /** `unknown`: not checked yet, or not for too long. `degraded`: it answers, but slowly. */
  readonly status: 'unknown' | 'up' | 'degraded' | 'down';
  readonly sinceMs: number;
  /** It changes so often that the status says little. */
  readonly isFlapping: boolean;
  readonly lastCheck: ServiceCheckRecord | null;
  /** Of a server that shows one. */
  readonly certificate: CertificateRecord | null;
  /** Shares of the time that is known, from 0 to 1; `null`: nothing is. */
  readonly uptime: { readonly day: number | null; readonly month: number | null };
}

export interface ServiceCheckRecord {
  readonly timeMs: number;
  readonly outcome: 'good' | 'slow' | 'bad';
  /** Why it was bad, from the list of docs/operating.md; '' otherwise. */
  readonly code: string;
  readonly detail: string;
  readonly durationMs: number;
}

export interface CertificateRecord {
  readonly endsMs: number;
  /** `null`: its end is far. */
  readonly stage: CertificateStage | null;
}

export interface ListenerCertificateRecord extends CertificateRecord {
  readonly listener: string;
  readonly names: string;
}

export interface ServiceHistoryAnswer {
  readonly service: ServiceRecord;
  /** The latest first, as everything here. */
  readonly checks: readonly ServiceCheckRecord[];
  readonly changes: readonly {
    readonly timeMs: number;
    readonly from: ServiceRecord['status'];
    readonly to: ServiceRecord['status'];
    readonly code: string;
    readonly detail: string;
  }[];
  /** Of each day (UTC) how long it was in each state; what is missing is not known. */
  readonly days: readonly {
    readonly startMs: number;
    readonly upMs: number;
    readonly degradedMs: number;
    readonly downMs: number;
  }[];
}
