import { type Clock, type Event, type GatewayConfig, type Http2Limits, MetricsRegistry } from '@sallyport/kernel';
import { Gateway } from '../../src/gateway.ts';
import { compilePolicy } from '../../src/pipeline/policy.ts';
import { config, listener, upstream } from '../harness/config.ts';
import { createAuthority } from '../upstream/certificates.ts';

export const LIMITS: Http2Limits = {
  streamsMax: 100,
  resets: { burst: 50, perSecond: 1 },
  controlFrames: { burst: 50, perSecond: 1 },
};

/** A gateway that offers HTTP/2, on real sockets in this process. */
export interface Http2Gateway {
  readonly port: number;
  /** PEM of the authority that its certificate is from. */
  readonly authority: string;
  readonly events: Event[];
  readonly metrics: MetricsRegistry;
  /** Errors the gateway logged: there should be none. */
  readonly errors: string[];
  readonly gateway: Gateway;
  close(): void;
}

export interface Http2GatewayOptions {
  readonly limits?: Http2Limits;
  readonly change?: Partial<GatewayConfig>;
  readonly clock?: Clock;
}

export async function startHttp2Gateway(
  upstreamPort: number,
  options: Http2GatewayOptions = {},
): Promise<Http2Gateway> {
  const { limits = LIMITS, change = {}, clock = REAL_CLOCK } = options;
  const authority = createAuthority('h2');
  const certificates = [authority.issue('DNS:localhost,IP:127.0.0.1')];
  const listeners = [listener({ tls: { certificates, minVersion: 'TLSv1.2' }, http2: limits })];
  const events: Event[] = [];
  const errors: string[] = [];
  const metrics = new MetricsRegistry();
  const noted = (message: string, fields: unknown): void => void errors.push(`${message} ${String(fields)}`);
  const image = compilePolicy(config({ upstreams: [upstream(upstreamPort)], listeners, ...change }), 1);
  const gateway = new Gateway(image, {
    node: 'test',
    sink: { emit: (event) => events.push(event) },
    metrics,
    log: { info: () => {}, warn: noted, error: noted },
    clock,
  });
  await gateway.listen();
  const address = gateway.addresses().get('test');
  if (address?.kind !== 'tcp') throw new Error('the gateway listens on no TCP port');
  const close = (): void => {
    gateway.close();
    authority.remove();
  };
  return { port: address.port, authority: authority.certificate, events, metrics, errors, gateway, close };
}

const REAL_CLOCK: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

/** Turns the event loop until something is so. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`never happened: ${what}`);
}

const TURNS_MAX = 10_000;

/** What connections were ended for. */
export function refusedIn(events: readonly Event[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'connection' && event.phase === 'refused' ? [`${event.reason} ${event.reasonDetail}`.trim()] : [],
  );
}

/** What requests ended with. */
export function outcomesIn(events: readonly Event[]): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'exchange' ? [`${event.httpVersion} ${event.status} ${event.verdict} ${event.reason}`.trim()] : [],
  );
}
