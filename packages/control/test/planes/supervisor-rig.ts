import { setImmediate } from 'node:timers/promises';
import { type DecisionSnapshot, ManualClock } from '@sallyport/kernel';
import { type PlaneEnd, type PolicyVersion, Supervisor } from '../../src/index.ts';
import { FakePlane } from './fake-plane.ts';

export const FIRST: PolicyVersion = { version: 1 };
export const SECOND: PolicyVersion = { version: 2 };

/** A supervisor of planes that carry nothing. */
export class Rig {
  readonly clock: ManualClock = new ManualClock();
  /** Every data plane there ever was. */
  readonly spawned: FakePlane[] = [];
  readonly states: string[] = [];
  readonly lost: { readonly slot: number; readonly end: PlaneEnd }[] = [];
  /** What shall happen later, and in how many milliseconds. */
  readonly pauses: { readonly ms: number; readonly callback: () => void }[] = [];
  readonly supervisor: Supervisor<PolicyVersion>;
  decisions: DecisionSnapshot = { sequence: 0, decisions: [] };
  /** Data planes begin by themselves. */
  isStarting = true;

  constructor(count: number) {
    this.supervisor = new Supervisor(FIRST, {
      count,
      clock: this.clock,
      spawn: (slot, image) => this.#spawn(slot, image),
      decisions: () => this.decisions,
      onState: (slot, state) => this.states.push(`${slot} ${state}`),
      onLost: (slot, end) => this.lost.push({ slot, end }),
      later: (ms, callback) => this.pauses.push({ ms, callback }),
    });
  }

  static async started(count = 2): Promise<Rig> {
    const rig = new Rig(count);
    await rig.supervisor.start();
    return rig;
  }

  /** The last one of a slot. */
  plane(slot: number): FakePlane {
    const plane = this.spawned.findLast((item) => item.slot === slot);
    if (plane === undefined) throw new Error(`slot ${slot} never had one`);
    return plane;
  }

  /** One is lost, and its pause is over; answers the pause. */
  async replace(slot: number): Promise<number> {
    this.plane(slot).end('error');
    await settled();
    return this.passPause();
  }

  async passPause(): Promise<number> {
    const pause = this.pauses.shift();
    pause?.callback();
    await settled();
    return pause?.ms ?? Number.NaN;
  }

  stateOf(slot: number): string | undefined {
    return this.supervisor.status()[slot]?.state;
  }

  #spawn(slot: number, image: PolicyVersion): FakePlane {
    const plane = new FakePlane(slot, image);
    this.spawned.push(plane);
    if (this.isStarting) plane.startedBy.resolve();
    return plane;
  }
}

/** Everything that follows from promises has happened. */
export async function settled(): Promise<void> {
  await setImmediate();
}
