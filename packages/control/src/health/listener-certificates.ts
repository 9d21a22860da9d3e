import { X509Certificate } from 'node:crypto';
import type { ListenerConfig } from '@sallyport/kernel';
import type { ListenerCertificateRecord } from '../admin/contract-services.ts';
import { type CertificateNews, type CertificateState, nextCertificate } from './certificate-watch.ts';

/** A certificate that a listener serves, as far as it concerns its end. */
export interface ServedCertificate {
  readonly listener: string;
  /** Names it is for, as people read them. */
  readonly names: string;
  readonly state: CertificateState;
}

/** The certificates that the gateway itself serves: somebody must hear of their end before players do. */
export class ListenerCertificates {
  readonly #onNews: (certificate: ServedCertificate, news: CertificateNews) => void;
  #served: readonly ServedCertificate[] = [];
  #given: readonly Omit<ServedCertificate, 'state'>[] = [];
  #ends: readonly number[] = [];

  constructor(onNews: (certificate: ServedCertificate, news: CertificateNews) => void) {
    this.#onNews = onNews;
  }

  list(): readonly ListenerCertificateRecord[] {
    return this.#served.map(({ listener, names, state }) => ({
      listener,
      names,
      endsMs: state.endsMs,
      stage: state.stage ?? null,
    }));
  }

  /** Takes over what is served now, and looks at it. */
  apply(listeners: readonly ListenerConfig[], nowMs: number): void {
    const all = listeners.flatMap(({ name, tls }) =>
      (tls?.certificates ?? []).map(({ certificate }) => ({ listener: name, ...factsOf(certificate) })),
    );
    // One of ECDSA and one of RSA have the same names: the first to end is what somebody must hear of.
    const earliest = new Map(
      all.toSorted((one, other) => other.endsMs - one.endsMs).map((one) => [`${one.listener} ${one.names}`, one]),
    );
    const served = all.filter((one) => earliest.get(`${one.listener} ${one.names}`) === one);
    this.#given = served.map(({ listener, names }) => ({ listener, names }));
    this.#ends = served.map(({ endsMs }) => endsMs);
    this.look(nowMs);
  }

  /** Looks at the calendar again. */
  look(nowMs: number): void {
    const before = this.#served;
    const news: (readonly [ServedCertificate, CertificateNews])[] = [];
    this.#served = this.#given.map((given, index) => {
      const known = before.find(({ listener, names }) => listener === given.listener && names === given.names);
      const { state, news: what } = nextCertificate(known?.state, this.#ends[index] ?? 0, nowMs);
      const served = { ...given, state };
      news.push([served, what]);
      return served;
    });
    // One that is served no more cannot end to anybody's harm.
    for (const gone of before) {
      const isServed = this.#served.some(({ listener, names }) => listener === gone.listener && names === gone.names);
      if (!isServed && gone.state.stage !== undefined) news.push([gone, 'renewed']);
    }
    for (const [certificate, what] of news) this.#onNews(certificate, what);
  }
}

/** The configuration has parsed it before. */
function factsOf(pem: string): { readonly names: string; readonly endsMs: number } {
  const certificate = new X509Certificate(pem);
  const names = (certificate.subjectAltName ?? certificate.subject).replaceAll(/[^ -~]+/g, ' ').slice(0, NAMES_SHOWN);
  return { names, endsMs: certificate.validToDate.getTime() };
}

/** Characters of the names of a certificate that are shown. */
const NAMES_SHOWN = 120;
