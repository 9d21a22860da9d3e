import type { ServerAddress } from '@sallyport/kernel';
import { type CertificateFacts, looked, type Probe } from '../probe.ts';
import type { ServiceTls, TcpTarget, TlsTarget } from '../service.ts';
import { openTlsWire, openWire } from './connect.ts';
import type { Wire } from './wire.ts';

/** Whether somebody takes connections, and proves himself where that is asked for. */
export function socketProbe(target: TcpTarget | TlsTarget): Probe {
  return wireProbe(target, async () => undefined);
}

/** A conversation over one connection, in the clear or over TLS. The connection ends with it, whatever became of it. */
export function wireProbe(
  { address, tls }: { readonly address: ServerAddress; readonly tls: ServiceTls | undefined },
  speak: (wire: Wire) => Promise<void>,
): Probe {
  return {
    check: (signal) => {
      let certificate: CertificateFacts | undefined;
      const work = async (): Promise<void> => {
        const opened =
          tls === undefined
            ? { wire: await openWire(address, signal), certificate: undefined }
            : await openTlsWire(address, tls, signal);
        certificate = opened.certificate;
        try {
          await speak(opened.wire);
        } finally {
          opened.wire.close();
        }
      };
      return looked(signal, work, () => certificate);
    },
  };
}
