import { type Event, type ExchangeEvent, type GatewayConfig, MetricsRegistry } from '@sallyport/kernel';
import { Gateway } from '../../src/gateway.ts';
import type { RuleSets } from '../../src/inspection/stage.ts';
import { compilePolicy } from '../../src/pipeline/policy.ts';
import { config, upstream } from '../harness/config.ts';

/** A gateway on real sockets in this process, with the events it emitted. */
export interface LiveGateway {
  readonly port: number;
  readonly events: Event[];
  /** Errors the gateway logged: there should be none. */
  readonly errors: string[];
  close(): void;
}

/** Starts a gateway in front of one server. */
export async function startGateway(
  upstreamPort: number,
  change: Partial<GatewayConfig> = {},
  onEvent: () => void = () => {},
  ruleSets: RuleSets = new Map(),
): Promise<LiveGateway> {
  const events: Event[] = [];
  const errors: string[] = [];
  const noted = (message: string, fields: unknown): void => {
    errors.push(
      `${message} ${JSON.stringify(fields, (_, value: unknown) => (value instanceof Error ? value.stack : value))}`,
    );
  };
  const configured = config({ upstreams: [upstream(upstreamPort)], ...change });
  const gateway = new Gateway(compilePolicy(configured, 1, { ruleSets }), {
    node: 'test',
    sink: {
      emit: (event) => {
        events.push(event);
        onEvent();
      },
    },
    metrics: new MetricsRegistry(),
    log: { info: () => {}, warn: noted, error: noted },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  await gateway.listen();
  const address = gateway.addresses().get('test');
  if (address?.kind !== 'tcp') throw new Error('the gateway listens on no TCP port');
  return { port: address.port, events, errors, close: () => gateway.close() };
}

/** The events of exchanges, in their order. */
export function exchangesIn(events: readonly Event[]): readonly ExchangeEvent[] {
  return events.filter((event) => event.kind === 'exchange');
}
