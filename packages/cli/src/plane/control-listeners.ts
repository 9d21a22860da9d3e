import {
  type AdminAddresses,
  type ControlPlane,
  createAdminServer,
  createOperationsServer,
  type OperationsServer,
  type SallyportConfig,
} from '@sallyport/control';
import { type Clock, type Log, type MetricsRegistry, renderMetrics } from '@sallyport/kernel';
import { withAliases } from '../metrics/aliases.ts';
import type { Fleet } from './fleet.ts';
import type { Inherited } from './take-over.ts';

/** Where the operations listener is; a listener's address is one too. */
export type OperationsAddress = Awaited<ReturnType<OperationsServer['listen']>>;

export interface ControlListenersOptions {
  readonly plane: ControlPlane;
  readonly fleet: Fleet;
  readonly registry: MetricsRegistry;
  readonly log: Log;
  readonly clock: Clock;
  /** Until then the process before us answers at the port that was its own, if there is one. */
  readonly settled: Promise<void>;
}

/** The listeners for those who run the gateway: metrics and health, and the admin API. */
export class ControlListeners {
  readonly #settled: Promise<void>;
  readonly #operations: OperationsServer | undefined;
  readonly #admin: ReturnType<typeof createAdminServer> | undefined;

  constructor({ operations, admin }: SallyportConfig, options: ControlListenersOptions) {
    const { plane, fleet, registry, log, clock } = options;
    this.#settled = options.settled;
    if (operations !== undefined) {
      this.#operations = createOperationsServer({
        config: operations,
        metrics: async () => renderMetrics(withAliases(await fleet.metrics(registry.snapshot()))),
        readiness: () => fleet.readiness(),
      });
    }
    if (admin !== undefined) {
      this.#admin = createAdminServer({ config: admin, plane, clock, log, metrics: registry });
    }
  }

  /** Serves metrics and health. @throws Error when the address cannot be had. */
  async openOperations({ sockets, isTakingOver }: Inherited): Promise<OperationsAddress | undefined> {
    return this.#operations?.listen({
      socket: sockets.get(OPERATIONS_SOCKET),
      isTakingOver,
      settled: this.#settled,
    });
  }

  /**
   * Serves the admin API. When everything else serves: its socket file takes the place of the one of the process before us,
   * which goes on if we do not. @throws Error when an address cannot be had.
   */
  async openAdmin({ sockets, isTakingOver }: Inherited): Promise<AdminAddresses | undefined> {
    return this.#admin?.listen({ isHandover: isTakingOver, port: sockets.get(ADMIN_SOCKET) });
  }

  /** Numbers of their listening sockets, for a process that inherits them. */
  socketNumbers(): readonly (readonly [string, number])[] {
    const own = [
      [OPERATIONS_SOCKET, this.#operations?.socketNumber()],
      [ADMIN_SOCKET, this.#admin?.socketNumber()],
    ] as const;
    return own.flatMap(([name, number]) => (number === undefined ? [] : [[name, number] as const]));
  }

  firstLink(): string | undefined {
    return this.#admin?.firstLink();
  }

  /** Another process answers for this one, too. */
  async closeOperations(): Promise<void> {
    await this.#operations?.leave();
  }

  async leaveAdmin(): Promise<void> {
    await this.#admin?.leave();
  }

  async close(): Promise<void> {
    await this.#admin?.close();
    await this.#operations?.close();
  }
}

/** Names among the sockets that processes hand on. No listener can have them. */
const OPERATIONS_SOCKET = '.operations';
const ADMIN_SOCKET = '.admin';
