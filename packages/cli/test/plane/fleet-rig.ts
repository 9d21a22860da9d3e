import { DecisionLog } from '@sallyport/control';
import { compilePolicy } from '@sallyport/gateway';
import { type Clock, type GatewayConfig, MetricsRegistry, renderMetrics } from '@sallyport/kernel';
import { MemoryStateStore } from '@sallyport/stores';
import { Fleet, type WorkerNews } from '../../src/plane/fleet.ts';

export interface FleetRigOptions {
  readonly config: GatewayConfig;
  readonly count: number;
  readonly onNews?: (news: WorkerNews) => void;
}

/** Real data planes in threads of this process, with what they say. */
export class FleetRig {
  readonly fleet: Fleet;
  readonly decisions: DecisionLog;
  readonly state: MemoryStateStore = new MemoryStateStore();
  /** Events and log lines, as they come out of the rings. */
  readonly lines: string[] = [];
  readonly news: WorkerNews[] = [];
  /** What the control plane logged. */
  readonly errors: string[] = [];
  dropped = 0;
  readonly #own = new MetricsRegistry();

  private constructor({ config, count, onNews }: FleetRigOptions) {
    const note = (message: string): void => void this.errors.push(message);
    this.decisions = new DecisionLog({
      clock: fastClock,
      decisionsMax: 100,
      store: this.state,
      onChange: (change) => this.fleet.supervisor.applyDecision(change),
      onAudited: () => undefined,
      onReplaced: () => this.fleet.supervisor.replaceDecisions(),
    });
    this.fleet = new Fleet({
      node: 'test',
      image: compilePolicy(config, 1),
      workers: { count, heapMibMax: 256, hangMs: 60_000 * TIMES_FASTER },
      clock: fastClock,
      log: { info: () => undefined, warn: note, error: note },
      logLevel: 'info',
      output: { write: (lines) => void this.lines.push(...lines.split('\n').filter((line) => line !== '')) },
      eventRings: [],
      onTurnedAway: () => undefined,
      onDropped: (lines) => {
        this.dropped += lines;
      },
      decisions: () => this.decisions.snapshot(),
      onWorker: (news) => {
        this.news.push(news);
        onNews?.(news);
      },
      countsBefore: () => Promise.resolve([]),
      inherited: new Map(),
      isTakingOver: false,
    });
  }

  static async start(options: FleetRigOptions): Promise<FleetRig> {
    const rig = new FleetRig(options);
    rig.decisions.adopt(await rig.state.load());
    await rig.fleet.start();
    return rig;
  }

  portOf(listener: string): number {
    const address = this.fleet.addresses().get(listener);
    if (address?.kind !== 'tcp') throw new Error(`the gateway has no TCP listener ${listener}`);
    return address.port;
  }

  async metrics(): Promise<string> {
    return renderMetrics(await this.fleet.metrics(this.#own.snapshot()));
  }
}

/** Here failures are frequent, and on a slow clock each would be followed by a longer pause than the one before. */
const TIMES_FASTER = 1_000;

const fastClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() * TIMES_FASTER };
