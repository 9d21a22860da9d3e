import { randomBytes } from 'node:crypto';
import { Courier, createDesk, NotificationBook, type NotificationDesk, type SallyportConfig } from '@sallyport/control';
import type { Clock, Log, MetricsRegistry, MetricsSnapshot, NoticeSink, Outbox } from '@sallyport/kernel';
import { openChannel } from '@sallyport/stores';
import type { EventDrops } from '../store/event-drops.ts';
import { attackLevelChanged, watchForAttacks } from './attack-watch.ts';
import { courierMetrics } from './courier-metrics.ts';
import { watchDrops } from './drop-watch.ts';

export interface NotifierOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: MetricsRegistry;
  readonly outbox: Outbox;
}

/** Carries notices to people for as long as the process lasts. */
export interface Notifier {
  /** For whoever knows of something that people should hear. */
  readonly notices: NoticeSink;
  readonly desk: NotificationDesk;
  onAttackLevel(level: number): void;
  /** Begins to look, to store and to deliver. */
  start(sources: NoticeSources): Promise<void>;
  /** Goes on after a stop. */
  resume(): Promise<void>;
  /** Stores what is due, and stops. What is not delivered waits in the outbox. */
  stop(): Promise<void>;
}

/** Where it looks for itself. */
export interface NoticeSources {
  /** What all workers have counted. */
  readonly counts: () => Promise<MetricsSnapshot>;
  readonly drops: EventDrops;
}

export function createNotifier(
  { notifications }: Pick<SallyportConfig, 'notifications'>,
  options: NotifierOptions,
): Notifier {
  const { node, clock, log, registry, outbox } = options;
  const newId = (): string => `ntf_${randomBytes(16).toString('hex')}`;
  const names = notifications.channels.map(({ name }) => name);
  const courier = new Courier({
    book: new NotificationBook({ config: notifications, node, newId }),
    outbox,
    channels: notifications.channels.map((config) => openChannel(config, { clock })),
    node,
    clock,
    log,
    newId,
    random: Math.random,
    metrics: courierMetrics(registry, names, clock),
  });
  const isAttackTold = notifications.routes.some(
    ({ kinds, channels }) => channels.length > 0 && (kinds.length === 0 || kinds.includes('under-attack')),
  );
  const told = { notices: courier, node, clock };
  let stops: readonly (() => void)[] = [];
  let sources: NoticeSources | undefined;
  const resume = async (): Promise<void> => {
    if (sources === undefined) return;
    const timer = setInterval(() => courier.tick(), TICK_MS);
    timer.unref();
    const { counts } = sources;
    stops = [() => clearInterval(timer)];
    // Every worker is asked for all its numbers: only where somebody would hear of an attack.
    if (isAttackTold) stops = [...stops, watchForAttacks({ ...told, thresholds: notifications.attack, log, counts })];
  };
  return {
    notices: courier,
    desk: createDesk(courier),
    onAttackLevel: (level) => attackLevelChanged(level, told),
    start: async (where) => {
      sources = where;
      watchDrops(where.drops, told);
      await courier.restore();
      await resume();
    },
    resume,
    stop: async () => {
      for (const stop of stops) stop();
      stops = [];
      let late: NodeJS.Timeout | undefined;
      // A receiver that does not answer must not keep a gateway that was told to stop.
      const limit = new Promise<void>((resolve) => {
        late = setTimeout(resolve, STOP_MS_MAX);
      });
      await Promise.race([courier.step(), limit]);
      clearTimeout(late);
    },
  };
}

/** How often it is asked whether something is due. */
const TICK_MS = 1_000;

/** For what is under way when the gateway stops. */
const STOP_MS_MAX = 3_000;
