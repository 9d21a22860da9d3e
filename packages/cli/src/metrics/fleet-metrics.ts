import type { DecisionLog } from '@sallyport/control';
import type { ByteRing, MetricsRegistry } from '@sallyport/kernel';
import type { Fleet } from '../plane/fleet.ts';

export interface FleetMetricsOptions {
  readonly fleet: Fleet;
  readonly decisions: DecisionLog;
  /** The ways of events to the store. */
  readonly eventRings: readonly ByteRing[];
  readonly plane: { readonly attackLevel: number };
  readonly predecessor: { readonly workers: number };
}

/** What the control plane can say of itself at any moment; read when somebody scrapes. */
export function registerFleetMetrics(registry: MetricsRegistry, options: FleetMetricsOptions): void {
  const { fleet, decisions, eventRings, plane, predecessor } = options;
  const workers = registry.gauge('gateway_workers', 'Worker threads by state.', ['state']);
  const waiting = registry
    .gauge(
      'gateway_accept_waiting',
      'Connections that the main thread has accepted and that wait for a worker; 0 where workers accept themselves.',
    )
    .with();
  const connectionsMax = registry
    .gauge('gateway_connections_max', 'Client connections that may be open, over all workers.')
    .with();
  const inForce = registry.gauge('sallyport_decisions', 'Bans and allowances in force.', ['kind']);
  const draining = registry
    .gauge('sallyport_draining', '1: the process finishes what it has and takes nothing new.')
    .with();
  const ready = registry.gauge('sallyport_ready', '1: the gateway should be sent traffic, as /readyz says.').with();
  const level = registry.gauge('sallyport_attack_level', 'How defensive the gateway is told to be, 0 to 3.').with();
  const before = registry
    .gauge(
      'sallyport_predecessor_workers',
      'Workers of processes before this one that finish what they have, and follow.',
    )
    .with();
  const eventsWaiting = registry.gauge('sallyport_events_waiting_bytes', 'Events on their way to the store.').with();
  registry.onCollect(() => {
    const states = fleet.supervisor.status().map(({ state }) => state);
    for (const state of WORKER_STATES) workers.with(state).set(states.filter((each) => each === state).length);
    waiting.set(fleet.waiting);
    for (const kind of DECISION_KINDS) inForce.with(kind).set(decisions.count(kind));
    connectionsMax.set(fleet.supervisor.image.config.connections.connectionsMax);
    ready.set(fleet.readiness().ready ? 1 : 0);
    draining.set(fleet.isDraining ? 1 : 0);
    level.set(plane.attackLevel);
    before.set(predecessor.workers);
    eventsWaiting.set(eventRings.reduce((bytes, ring) => bytes + ring.waitingBytes, 0));
  });
}

const WORKER_STATES = ['absent', 'starting', 'ready', 'draining'] as const;
const DECISION_KINDS = ['ban', 'allowance'] as const;
