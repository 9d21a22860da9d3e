import type { Clock, Command, CommandAck, DecisionChange, DecisionSnapshot } from '@sallyport/kernel';
import { BackOff } from './back-off.ts';
import type { DataPlane, PlaneEnd, PolicyVersion } from './data-plane.ts';

export interface SupervisorOptions<Image extends PolicyVersion> {
  /** How many data planes there are. */
  readonly count: number;
  readonly clock: Clock;
  /** Makes one, with the policy it begins with. */
  readonly spawn: (slot: number, image: Image) => DataPlane<Image>;
  /** What a data plane that begins has to know. */
  readonly decisions: () => DecisionSnapshot;
  /** A slot has another state. */
  readonly onState: (slot: number, state: PlaneState) => void;
  /** One has failed, and nothing of it is left: time to take back what it held. */
  readonly onLost: (slot: number, end: PlaneEnd) => void;
  /** Calls back later. Default: a timer. */
  readonly later?: (ms: number, callback: () => void) => void;
}

export type PlaneState = 'absent' | 'starting' | 'ready' | 'draining';

/** What publishing a policy came to. */
export interface Publication {
  readonly version: number;
  /** Data planes that confirmed it. */
  readonly planes: number;
  /** The longest step in any of them, milliseconds. */
  readonly swapMs: number;
  /** The longest preparation in any of them, milliseconds. */
  readonly prepareMs: number;
}

/** What is known of one slot. */
export interface SlotStatus {
  readonly slot: number;
  readonly state: PlaneState;
  /** Times it was replaced. */
  readonly restarts: number;
  readonly startedMs: number;
  readonly lastEnd: PlaneEnd | undefined;
  /** Monotonic, as `startedMs`. */
  readonly lastEndMs: number;
}

/**
 * Keeps data planes running: starts them, replaces those that fail with growing pauses, and brings policies, decisions and
 * commands to all of them in one order.
 */
export class Supervisor<Image extends PolicyVersion> {
  readonly #options: SupervisorOptions<Image>;
  readonly #slots: Slot<Image>[] = [];
  #image: Image;
  #isStopping = false;
  /** Publications, one after the other. */
  #publishing: Promise<unknown> = Promise.resolve();
  /** How many of them are not over. */
  #publications = 0;

  constructor(image: Image, options: SupervisorOptions<Image>) {
    this.#image = image;
    this.#options = options;
  }

  /** Starts all; rejects when one cannot start, and then none is left. */
  async start(): Promise<void> {
    for (let slot = 0; slot < this.#options.count; slot += 1) {
      this.#slots.push(new Slot(slot));
      this.#spawn(slot);
    }
    const outcomes = await Promise.allSettled(this.#planes().map(({ started }) => started));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return;
    await this.close();
    throw failed.reason;
  }

  get image(): Image {
    return this.#image;
  }

  status(): readonly SlotStatus[] {
    return this.#slots.map(({ slot, state, restarts, startedMs, lastEnd, lastEndMs }) => ({
      slot,
      state,
      restarts,
      startedMs,
      lastEnd,
      lastEndMs,
    }));
  }

  /** Data planes that serve. */
  ready(): readonly DataPlane<Image>[] {
    return this.#slots.flatMap(({ plane, state }) => (state === 'ready' && plane !== undefined ? [plane] : []));
  }

  /** Data planes that may have connections: those that serve, and those that finish what they have. */
  carrying(): readonly DataPlane<Image>[] {
    return this.#slots.flatMap(({ plane, state }) =>
      (state === 'ready' || state === 'draining') && plane !== undefined ? [plane] : [],
    );
  }

  /** The data plane of a slot, whatever its state. */
  planeOf(slot: number): DataPlane<Image> | undefined {
    return this.#slots[slot]?.plane;
  }

  /**
   * Brings a policy into force everywhere or nowhere: every data plane that may have connections prepares it, and only when all
   * have done so is it put in force. Whoever would no longer be let in must not stay because of where he is served. Publications
   * wait for one another.
   *
   * @throws Error of the data plane that could not use it; the policy before it stays in force everywhere.
   */
  publish(image: Image): Promise<Publication> {
    this.#publications += 1;
    const publication = this.#publishing
      .then(() => this.#publish(image))
      .finally(() => {
        this.#publications -= 1;
      });
    this.#publishing = publication.catch(() => undefined);
    return publication;
  }

  /** Brings a change to every data plane, in order; answers how many have confirmed it when all that live have. */
  async applyDecision(change: DecisionChange): Promise<number> {
    const planes = this.#planes();
    const outcomes = await Promise.allSettled(planes.map((plane) => plane.applyDecision(change)));
    return outcomes.filter(({ status }) => status === 'fulfilled').length;
  }

  /** Gives every data plane all decisions in force, in the place of those it has. */
  replaceDecisions(): void {
    for (const plane of this.#planes()) plane.replaceDecisions(this.#options.decisions());
  }

  /** Gives a command to every data plane that may have connections: whoever is to be cut off must not live on in one that drains. */
  async command(command: Command): Promise<readonly CommandAck[]> {
    const outcomes = await Promise.allSettled(this.carrying().map((plane) => plane.command(command)));
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  /**
   * Replaces one that still runs and is not to be trusted any more: another one takes its slot's place when it is gone. It
   * finishes what it has in progress, which may take as long as a drain. So the only one that serves goes on instead: false.
   */
  retire(slot: number): boolean {
    const item = this.#slots[slot];
    if (item?.state !== 'ready' || this.ready().length === 1) return false;
    this.#enter(item, 'draining');
    item.plane?.drain();
    return true;
  }

  /** Finishes what is in progress everywhere; resolves when nothing is left. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    for (const item of this.#slots) {
      if (item.plane === undefined) continue;
      this.#enter(item, 'draining');
      item.plane.drain();
    }
    await this.#allEnded();
  }

  /** Cuts what is in progress everywhere. */
  async close(): Promise<void> {
    this.#isStopping = true;
    for (const { plane } of this.#slots) plane?.close();
    await this.#allEnded();
  }

  #planes(): readonly DataPlane<Image>[] {
    return this.#slots.flatMap(({ plane }) => (plane === undefined ? [] : [plane]));
  }

  async #allEnded(): Promise<void> {
    await Promise.all(this.#planes().map(({ ended }) => ended));
  }

  async #publish(image: Image): Promise<Publication> {
    const planes = this.carrying();
    const prepared = await Promise.allSettled(planes.map((plane) => plane.prepare(image)));
    // One that is gone meanwhile has no say: what comes in its place begins with the policy that is then in force.
    const failed = prepared.find((outcome, index) => outcome.status === 'rejected' && this.#isCarrying(planes[index]));
    // But when nobody is left who could use it, it may be what has ended all of them.
    const isProven = planes.length === 0 || prepared.some(({ status }) => status === 'fulfilled');
    const refusal = failed ?? (isProven ? undefined : prepared[0]);
    if (refusal?.status === 'rejected') {
      for (const plane of planes) plane.discard();
      throw refusal.reason;
    }
    const before = this.#image;
    this.#image = image;
    const activated = await Promise.allSettled(planes.map((plane) => plane.activate(image.version)));
    const confirmed = activated.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const unable = activated.find((outcome, index) => outcome.status === 'rejected' && this.#isCarrying(planes[index]));
    if (confirmed.length === 0 && unable?.status === 'rejected') {
      this.#image = before;
      throw unable.reason;
    }
    // What it has is judged by a policy that holds nowhere else: another one takes its place.
    for (const [index, plane] of planes.entries()) if (activated[index]?.status === 'rejected') this.retire(plane.slot);
    const prepareMs = prepared.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    return {
      version: image.version,
      planes: confirmed.length,
      swapMs: Math.max(0, ...confirmed),
      prepareMs: Math.max(0, ...prepareMs),
    };
  }

  #isCarrying(plane: DataPlane<Image> | undefined): boolean {
    return this.carrying().some((item) => item === plane);
  }

  #spawn(slot: number): void {
    const item = this.#slots[slot];
    if (item === undefined || this.#isStopping) return;
    const image = this.#image;
    const plane = this.#options.spawn(slot, image);
    item.plane = plane;
    item.startedMs = this.#options.clock.monotonicMs();
    this.#enter(item, 'starting');
    plane.replaceDecisions(this.#options.decisions());
    plane.started.then(
      () => void this.#onStarted(item, plane, image),
      // Its end says why.
      () => undefined,
    );
    void plane.ended.then((end) => this.#onEnded(item, plane, end));
  }

  /** A policy may have been published while it started, or is just now: it catches up before it serves. */
  async #onStarted(item: Slot<Image>, plane: DataPlane<Image>, began: Image): Promise<void> {
    let held = began;
    try {
      for (;;) {
        while (this.#publications > 0) await this.#publishing;
        if (held.version === this.#image.version) break;
        held = this.#image;
        await plane.prepare(held);
        await plane.activate(held.version);
      }
    } catch {
      // It could not use what all others use: another one begins with that.
      return plane.terminate('start');
    }
    if (item.plane === plane && item.state === 'starting') this.#enter(item, 'ready');
  }

  #onEnded(item: Slot<Image>, plane: DataPlane<Image>, end: PlaneEnd): void {
    if (item.plane !== plane) return;
    item.plane = undefined;
    item.lastEnd = end;
    item.lastEndMs = this.#options.clock.monotonicMs();
    this.#enter(item, 'absent');
    this.#options.onLost(item.slot, end);
    if (this.#isStopping) return;
    item.restarts += 1;
    const waitMs = item.backOff.next(this.#options.clock.monotonicMs());
    const later = this.#options.later ?? ((ms, callback) => void setTimeout(callback, ms));
    later(waitMs, () => {
      // A policy that is being published must find it either ready or not there.
      void this.#publishing.then(() => this.#spawn(item.slot));
    });
  }

  #enter(item: Slot<Image>, state: PlaneState): void {
    item.state = state;
    this.#options.onState(item.slot, state);
  }
}

/** The first replacement is quick, as most failures are met once. One that always fails must not eat the machine. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 30_000;
const CALM_MS = 60_000;

class Slot<Image extends PolicyVersion> {
  readonly slot: number;
  readonly backOff: BackOff = new BackOff({
    firstMs: FIRST_PAUSE_MS,
    longestMs: LONGEST_PAUSE_MS,
    calmMs: CALM_MS,
  });
  plane: DataPlane<Image> | undefined;
  state: PlaneState = 'absent';
  restarts = 0;
  startedMs = 0;
  lastEnd: PlaneEnd | undefined;
  lastEndMs = 0;

  constructor(slot: number) {
    this.slot = slot;
  }
}
