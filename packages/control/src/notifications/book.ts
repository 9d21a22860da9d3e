import {
  NOTIFICATION_ITEMS_MAX,
  type Notice,
  type NoticeSeverity,
  type Notification,
  type NotificationItem,
  type NotificationRoute,
  type NotificationsConfig,
} from '@sallyport/kernel';
import { readMemory, type ToldChannel, writeMemory } from './book-memory.ts';
import { boundedNotice } from './bounded-notice.ts';
import { Budget } from './budget.ts';
import { Flaps } from './flaps.ts';

/**
 * Who has been told what. Takes notices as often as somebody says them, and makes of them the few messages that people should get:
 * a state once, what happens together in one message, again when it lasts, and its end.
 *
 * Pure: it neither waits nor sends. `due` says what is to be sent now; whoever asks stores that together with `remembered`.
 *
 * Of each state a channel hears in turn that it has begun and that it has ended, never an end without a beginning. A channel over its
 * limit hears nothing, and later all of it in one message.
 */
export class NotificationBook {
  readonly #config: NotificationsConfig;
  readonly #node: string;
  readonly #newId: () => string;
  readonly #states = new Map<string, State>();
  readonly #groups = new Map<string, Group>();
  readonly #lines: ReadonlyMap<string, Line>;
  #overflowed = 0;

  constructor({ config, node, newId }: BookOptions) {
    this.#config = config;
    this.#node = node;
    this.#newId = newId;
    this.#lines = new Map(
      config.channels.map(({ name, isResolvedSent, hourlyMax }) => [
        name,
        { name, isResolvedSent, budget: new Budget(hourlyMax), missed: 0, isHeld: false },
      ]),
    );
  }

  /** Notices that found no room. */
  get overflowed(): number {
    return this.#overflowed;
  }

  /** States that last, the oldest first. */
  open(): readonly NotificationItem[] {
    return [...this.#states.values()].filter(({ notice }) => notice.status === 'firing').map(itemOf);
  }

  /** Takes one. `nowMs`: monotonic. */
  notify(said: Notice, nowMs: number): void {
    const notice = boundedNotice(said);
    const key = keyOf(notice);
    const known = this.#states.get(key);
    if (known === undefined && said.status === 'resolved') return;
    if (known === undefined && this.#states.size >= STATES_MAX) {
      this.#overflowed += 1;
      return;
    }
    const state = known ?? { key, notice, sinceMs: notice.timeMs, flaps: new Flaps(), unconfirmedMs: undefined };
    const isChange = known === undefined || known.notice.status !== notice.status;
    if (isChange) {
      if (notice.status === 'firing') state.sinceMs = notice.timeMs;
      state.flaps.changed(nowMs);
    }
    // What is said of an end is told with the severity of what has ended.
    state.notice = notice.status === 'firing' ? notice : { ...notice, severity: state.notice.severity };
    state.unconfirmedMs = undefined;
    this.#states.set(key, state);
    if (notice.status === 'firing') this.#join(state, nowMs);
    else if (isChange) this.#end(state, nowMs);
  }

  /** The messages that are to be sent now, which are taken for sent. `wallMs` is what they say. */
  due({ nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number }): readonly Notification[] {
    this.#giveUpUnconfirmed(nowMs);
    const messages = [...this.#lines.values()].flatMap((line) => this.#dueOf(line, { nowMs, wallMs }));
    this.#forget(nowMs);
    return messages;
  }

  /** What the next process has to know, as text. `offsetMs`: wall clock less monotonic clock. */
  remembered(offsetMs: number): string {
    const told = new Map<State, ToldChannel[]>();
    for (const { line, sentMs, members } of this.#groups.values()) {
      for (const [key, { toldSeverity }] of members) {
        const state = this.#states.get(key);
        if (state === undefined || toldSeverity === undefined) continue;
        const channels = told.get(state) ?? [];
        channels.push({ channel: line.name, severity: toldSeverity, sentMs: sentMs + offsetMs });
        told.set(state, channels);
      }
    }
    return writeMemory({
      told: [...told].map(([{ notice, sinceMs }, channels]) => ({ notice, sinceMs, channels })),
      sent: [...this.#lines.values()].map(({ name, budget }) => ({
        channel: name,
        sentMs: budget.spentMs.map((ms) => ms + offsetMs),
      })),
    });
  }

  /**
   * Goes on where an earlier process has stopped. What nobody says again within ten minutes has ended while nobody looked.
   * Text that is not what `remembered` writes changes nothing.
   */
  restore(text: string, { nowMs, offsetMs }: { readonly nowMs: number; readonly offsetMs: number }): void {
    const memory = readMemory(text);
    if (memory === undefined) return;
    // A clock that was set back must not make a channel silent for longer than its limit does.
    const localMs = (wallMs: number): number => Math.min(nowMs, wallMs - offsetMs);
    for (const { channel, sentMs } of memory.sent) this.#lines.get(channel)?.budget.restore(sentMs.map(localMs));
    for (const { notice, sinceMs, channels } of memory.told.slice(0, STATES_MAX)) {
      const state = { key: keyOf(notice), notice, sinceMs, flaps: new Flaps(), unconfirmedMs: nowMs };
      for (const place of this.#placesOf(notice)) {
        const told = channels.find(({ channel }) => channel === place.line.name);
        const group = this.#groupOf(place, notice);
        const member = { toldSeverity: told?.severity };
        group.members.set(state.key, member);
        if (told !== undefined) group.sentMs = Math.max(group.sentMs, localMs(told.sentMs));
        if (isNews(member, state, nowMs)) group.newsMs ??= nowMs;
      }
      this.#states.set(state.key, state);
    }
  }

  #join(state: State, nowMs: number): void {
    for (const place of this.#placesOf(state.notice)) {
      const group = this.#groupOf(place, state.notice);
      if (!group.members.has(state.key)) group.members.set(state.key, { toldSeverity: undefined });
    }
    for (const group of this.#groups.values()) {
      const member = group.members.get(state.key);
      if (member !== undefined && isNews(member, state, nowMs)) group.newsMs ??= nowMs;
    }
  }

  #end(state: State, nowMs: number): void {
    for (const group of this.#groups.values()) {
      const member = group.members.get(state.key);
      if (member === undefined) continue;
      if (member.toldSeverity !== undefined) {
        group.newsMs ??= nowMs;
        continue;
      }
      // Nobody has to hear of the end of what nobody has heard of.
      if (readyMs(group) <= nowMs && group.line.isHeld) group.line.missed += 1;
      group.members.delete(state.key);
    }
  }

  /** Where a notice leads: one place for each channel. */
  #placesOf({ kind, severity }: Notice): readonly Place[] {
    const places = new Map<string, Place>();
    for (const [index, route] of this.#config.routes.entries()) {
      if (route.kinds.length > 0 && !route.kinds.includes(kind)) continue;
      if (RANK[severity] < RANK[route.severityMin]) continue;
      for (const name of route.channels) {
        const line = this.#lines.get(name);
        if (line !== undefined && !places.has(name)) places.set(name, { index, route, line });
      }
    }
    return [...places.values()];
  }

  #groupOf({ index, route, line }: Place, { kind }: Notice): Group {
    const key = `${index}\n${line.name}\n${kind}`;
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group: Group = {
      route,
      line,
      members: new Map(),
      newsMs: undefined,
      flushedMs: Number.NEGATIVE_INFINITY,
      sentMs: Number.NEGATIVE_INFINITY,
    };
    this.#groups.set(key, group);
    return group;
  }

  #dueOf(line: Line, moment: { readonly nowMs: number; readonly wallMs: number }): readonly Notification[] {
    const { nowMs } = moment;
    const ready: Ready[] = [];
    for (const group of this.#groups.values()) {
      if (group.line !== line) continue;
      const found = this.#lookAt(group, nowMs);
      if (found !== undefined) ready.push(found);
    }
    if (ready.length === 0) {
      line.isHeld = false;
      return [];
    }
    const places = line.budget.left(nowMs);
    if (places === 0) {
      line.isHeld = true;
      return [];
    }
    // The last place is for everything that would come after it.
    const alone = ready.length <= places ? ready : ready.slice(0, places - 1);
    const together = ready.slice(alone.length);
    const wasHeld = line.isHeld;
    line.isHeld = false;
    const messages = alone.map((one) => this.#message(line, [one], { ...moment, isHeld: wasHeld }));
    return together.length === 0 ? messages : [...messages, this.#message(line, together, { ...moment, isHeld: true })];
  }

  /** What a group has to say now; undefined: nothing. */
  #lookAt(group: Group, nowMs: number): Ready | undefined {
    const { members, line, route } = group;
    if (nowMs < group.flushedMs + route.intervalMs) return undefined;
    const isHeard = group.newsMs !== undefined && nowMs >= group.newsMs + route.waitMs;
    const news: State[] = [];
    const lasting: State[] = [];
    for (const [key, member] of members) {
      const state = this.#states.get(key);
      if (state === undefined) continue;
      if (isHeard && isNews(member, state, nowMs)) news.push(state);
      else if (member.toldSeverity !== undefined && state.notice.status === 'firing') lasting.push(state);
    }
    const told = line.isResolvedSent ? news : news.filter(({ notice }) => notice.status === 'firing');
    if (told.length > 0) return { group, occasion: 'change', states: told, ended: news };
    // Ends that this channel does not want are over without a word.
    this.#takeAsTold({ group, states: [], ended: news }, nowMs);
    if (lasting.length === 0 || nowMs < group.sentMs + route.repeatMs) return undefined;
    return { group, occasion: 'repeat', states: lasting, ended: [] };
  }

  #message(
    line: Line,
    ready: readonly Ready[],
    { nowMs, wallMs, isHeld }: { readonly nowMs: number; readonly wallMs: number; readonly isHeld: boolean },
  ): Notification {
    const states = ready.flatMap((one) => one.states);
    // What begins before what ends: where there is not room for all, that is what must be read.
    const ordered = states.toSorted((one, other) => endRank(one) - endRank(other));
    const message: Notification = {
      id: this.#newId(),
      channel: line.name,
      node: this.#node,
      occasion: isHeld ? 'held' : (ready[0]?.occasion ?? 'change'),
      items: ordered.slice(0, NOTIFICATION_ITEMS_MAX).map(itemOf),
      omitted: Math.max(0, ordered.length - NOTIFICATION_ITEMS_MAX),
      missed: line.missed,
      timeMs: wallMs,
    };
    line.missed = 0;
    line.budget.spend(nowMs);
    for (const one of ready) {
      this.#takeAsTold(one, nowMs);
      one.group.flushedMs = nowMs;
      one.group.sentMs = nowMs;
    }
    return message;
  }

  #takeAsTold({ group, states, ended }: Pick<Ready, 'group' | 'states' | 'ended'>, nowMs: number): void {
    for (const { key, notice } of states) {
      if (notice.status === 'firing') group.members.set(key, { toldSeverity: notice.severity });
    }
    for (const { key, notice } of ended) if (notice.status === 'resolved') group.members.delete(key);
    const isMore = [...group.members].some(([key, member]) => {
      const state = this.#states.get(key);
      return state !== undefined && (isNews(member, state, nowMs) || isEndHeldBack(member, state, nowMs));
    });
    if (!isMore) group.newsMs = undefined;
  }

  /** Its end is made up here: nobody was there to say it. */
  #giveUpUnconfirmed(nowMs: number): void {
    for (const state of this.#states.values()) {
      const { notice, unconfirmedMs } = state;
      if (unconfirmedMs === undefined || nowMs < unconfirmedMs + CONFIRM_MS) continue;
      state.unconfirmedMs = undefined;
      if (notice.status === 'resolved') continue;
      state.notice = { ...notice, status: 'resolved', summary: `${notice.subject}: not seen again since a restart` };
      this.#end(state, nowMs);
    }
  }

  /** A group stays for its interval, so that what comes back soon waits for it. */
  #forget(nowMs: number): void {
    const held = new Set<string>();
    for (const [key, { members, flushedMs, route }] of this.#groups) {
      if (members.size === 0 && nowMs >= flushedMs + route.intervalMs) this.#groups.delete(key);
      for (const member of members.keys()) held.add(member);
    }
    for (const [key, state] of this.#states) {
      const isOver = state.notice.status === 'resolved' && !held.has(key);
      if (isOver && !state.flaps.isRemembered(nowMs)) this.#states.delete(key);
    }
  }
}

export interface BookOptions {
  readonly config: NotificationsConfig;
  readonly node: string;
  /** Makes an id that nobody has had. */
  readonly newId: () => string;
}

/** States at the same time: services, hosts and classes that an operator has named. */
const STATES_MAX = 500;

/** How long after a restart somebody has to say again that a state lasts. */
const CONFIRM_MS = 600_000;

const RANK: Readonly<Record<NoticeSeverity, number>> = { info: 0, warning: 1, critical: 2 };

interface State {
  readonly key: string;
  notice: Notice;
  /** Wall clock. */
  sinceMs: number;
  readonly flaps: Flaps;
  /** An earlier process knew of it, and nobody has said it again since this moment. */
  unconfirmedMs: number | undefined;
}

/** A channel with its limit. */
interface Line {
  readonly name: string;
  readonly isResolvedSent: boolean;
  readonly budget: Budget;
  missed: number;
  isHeld: boolean;
}

/** Notices of one kind on the way of one route to one channel. */
interface Group {
  readonly route: NotificationRoute;
  readonly line: Line;
  readonly members: Map<string, Member>;
  /** When the first thing happened that is not told yet. */
  newsMs: number | undefined;
  flushedMs: number;
  sentMs: number;
}

interface Member {
  /** Undefined: not told. */
  readonly toldSeverity: NoticeSeverity | undefined;
}

interface Place {
  readonly index: number;
  readonly route: NotificationRoute;
  readonly line: Line;
}

interface Ready {
  readonly group: Group;
  readonly occasion: 'change' | 'repeat';
  readonly states: readonly State[];
  /** All news, also those that are not told. */
  readonly ended: readonly State[];
}

function keyOf({ kind, subject }: Notice): string {
  return `${kind}\n${subject}`;
}

function readyMs({ newsMs, flushedMs, route }: Group): number {
  return newsMs === undefined
    ? Number.POSITIVE_INFINITY
    : Math.max(newsMs + route.waitMs, flushedMs + route.intervalMs);
}

/** It began and is not told, has become worse, or is told and has ended for good. */
function isNews({ toldSeverity }: Member, { notice, flaps }: State, nowMs: number): boolean {
  if (notice.status === 'resolved') return toldSeverity !== undefined && !flaps.isFlapping(nowMs);
  return toldSeverity === undefined || RANK[notice.severity] > RANK[toldSeverity];
}

function isEndHeldBack({ toldSeverity }: Member, { notice, flaps }: State, nowMs: number): boolean {
  return toldSeverity !== undefined && notice.status === 'resolved' && flaps.isFlapping(nowMs);
}

function endRank({ notice }: State): number {
  return notice.status === 'firing' ? 2 - RANK[notice.severity] : 3;
}

function itemOf({ notice, sinceMs, flaps }: State): NotificationItem {
  return { ...notice, sinceMs, isFlapping: flaps.isRestless };
}
