import { randomBytes } from 'node:crypto';
import { Courier, NotificationBook, type SallyportConfig } from '@sallyport/control';
import type { Clock, Log, MetricsRegistry, Outbox } from '@sallyport/kernel';
import { openChannel } from '@sallyport/stores';
import { courierMetrics } from './courier-metrics.ts';

export interface NotifierOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: MetricsRegistry;
  readonly outbox: Outbox;
}

/** Carries notices to people for as long as the process lasts. */
export interface Notifier {
  readonly courier: Courier;
  /** Begins to store and to deliver. */
  start(): Promise<void>;
  /** Stores what is due, and stops. What is not delivered waits in the outbox. */
  stop(): Promise<void>;
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
  let timer: NodeJS.Timeout | undefined;
  let isRestored = false;
  return {
    courier,
    start: async () => {
      if (!isRestored) await courier.restore();
      isRestored = true;
      timer = setInterval(() => courier.tick(), TICK_MS);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
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
