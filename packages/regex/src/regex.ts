import { GAVE_UP, LazyAutomaton, NO_MATCH } from './automaton.ts';
import { Backtracker } from './backtracker.ts';
import { CacheBudget } from './cache-budget.ts';
import type { ThreadOrder } from './determinizer.ts';
import { RegexError } from './errors.ts';
import { checkVersion, compile, type RegexImage } from './image.ts';
import { REGEX_LIMITS } from './limits.ts';
import { Simulation } from './simulation.ts';
import type { RegexOptions } from './syntax/dialect.ts';
import { byteString, type Text } from './text.ts';

/** Where a match lies: from `start` to before `end`, in bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Match extends Span {
  /** Group 0 is the match; a group that took no part is undefined. */
  readonly groups: readonly (Span | undefined)[];
}

/** Where to search. Assertions see the whole text, also outside. */
export interface SearchOptions {
  /** First byte at which a match may begin. Integer from 0 to the length. Default 0. */
  readonly from?: number;
  /** Byte before which a match must end. Integer from `from` to the length. Default the length. */
  readonly to?: number;
  /** `anywhere` (default), or only `at` the byte `from`. */
  readonly anchor?: 'anywhere' | 'at';
}

export interface InstantiateOptions {
  /** Bytes for lazily built automata. Integer, at least 1024. Default 4 MiB for a pattern, 64 MiB for a set. */
  readonly cacheBytesMax?: number;
  /** `simulation` uses only the thread simulation: for comparing engines, never faster. Default `automatic`. */
  readonly engine?: 'automatic' | 'simulation';
}

/** Compiles a pattern for use in this thread. Throws `RegexError` with code, position and reason. */
export function regex(pattern: string, options: RegexOptions = {}): Regex {
  return instantiate(compile(pattern, options));
}

/** Makes an image usable in this thread. Throws `RegexError` (`BAD_IMAGE`, `BAD_OPTION`). */
export function instantiate(image: RegexImage, options: InstantiateOptions = {}): Regex {
  checkVersion(image.version);
  const { cacheBytesMax = REGEX_LIMITS.cacheBytesMax } = options;
  return new Regex(image, new CacheBudget(checkedCacheBytes(cacheBytesMax)), options.engine ?? 'automatic');
}

export function checkedCacheBytes(cacheBytesMax: number): number {
  if (!(Number.isInteger(cacheBytesMax) && cacheBytesMax >= 1024)) {
    throw new RegexError('BAD_OPTION', -1, 'cacheBytesMax is not an integer of at least 1024');
  }
  return cacheBytesMax;
}

/**
 * One pattern. Every method but `matchAll` takes time linear in the text, with a factor that depends on the pattern
 * alone. Not to be shared between threads (the image is), and not re-entrant.
 */
export class Regex {
  readonly image: RegexImage;
  readonly #budget: CacheBudget;
  readonly #isSimulated: boolean;
  #bytesSearched = 0;
  #tester: LazyAutomaton | undefined;
  #wholeTester: LazyAutomaton | undefined;
  #finder: LazyAutomaton | undefined;
  #beginner: LazyAutomaton | undefined;
  #backtracker: Backtracker | undefined;
  readonly #simulations = new Map<number, Simulation>();

  /** Use `instantiate`. */
  constructor(image: RegexImage, budget: CacheBudget, engine: 'automatic' | 'simulation') {
    this.image = image;
    this.#budget = budget;
    this.#isSimulated = engine === 'simulation';
  }

  /** Bytes read and automaton instructions visited by all calls so far: what a budget of work counts. */
  get steps(): number {
    let steps = this.#bytesSearched + (this.#backtracker?.steps ?? 0);
    for (const automaton of this.#automata()) steps += automaton?.steps ?? 0;
    for (const simulation of this.#simulations.values()) steps += simulation.steps;
    return steps;
  }

  /** How often the caches of this pattern were full and began again. */
  get flushes(): number {
    return this.#automata().reduce((flushes, automaton) => flushes + (automaton?.flushes ?? 0), 0);
  }

  /** Bytes that the lazily built automata hold now; with those of its set, if it is in one. */
  get cacheBytes(): number {
    return this.#budget.used;
  }

  /** True if the pattern matches anywhere in the text. */
  test(text: Text): boolean {
    return this.testBytes(byteString(text));
  }

  /** As `test`, for a string known to hold only bytes: a code unit above 0xFF makes the answer meaningless. */
  testBytes(text: string): boolean {
    const { minLength, wholeText } = this.image;
    if (text.length < minLength) return false;
    if (wholeText !== undefined) return this.#hasText(wholeText, text);
    if (!this.#hasRequired(text, 0)) return false;
    if (!this.#isSimulated) {
      this.#tester ??= this.#automaton('search');
      const isMatch = this.#tester.hasMatch(text);
      if (isMatch !== undefined) return isMatch;
    }
    return (
      this.#simulate({ text, from: 0, to: text.length, isAnchored: this.image.isAnchoredAtStart }, 0) !== undefined
    );
  }

  /** True if the pattern matches the whole text. */
  testWhole(text: Text): boolean {
    const subject = byteString(text);
    if (this.image.wholeText !== undefined) return subject === this.image.wholeText;
    this.#wholeTester ??= this.#automaton('all');
    const end = this.#isSimulated ? GAVE_UP : this.#wholeTester.lastEnd(subject, [0, subject.length], true);
    if (end !== GAVE_UP) return end === subject.length;
    const whole = { text: subject, from: 0, to: subject.length, isAnchored: true, mustEndAtTo: true };
    return this.#simulate(whole, 0) !== undefined;
  }

  /** The leftmost match, and of those that begin there the one the pattern prefers. */
  find(text: Text, options: SearchOptions = {}): Span | undefined {
    return this.#find(byteString(text), checkedSearch(text, options));
  }

  /** As `find`, with the capture groups. */
  match(text: Text, options: SearchOptions = {}): Match | undefined {
    const subject = byteString(text);
    const span = this.#find(subject, checkedSearch(text, options));
    return span === undefined ? undefined : { ...span, groups: this.#groups(subject, span) };
  }

  /**
   * All matches that do not overlap, from left to right. An empty match directly behind the last match is passed over.
   *
   * One search is linear, but a text of n bytes can have n matches each of which looks at the rest of the text
   * (`.*[^A-Z]|[A-Z]` on capital letters), so the whole iteration can take n searches: stop when you have enough, or
   * watch `steps`.
   */
  *matchAll(text: Text, options: SearchOptions = {}): IteratorObject<Match, undefined> {
    const subject = byteString(text);
    const { from: begin, to, anchor } = checkedSearch(text, options);
    let lastEnd = -1;
    for (let from = begin; from <= to; ) {
      const span = this.#find(subject, { from, to, anchor });
      if (span === undefined) return;
      const isEmpty = span.start === span.end;
      const splits = isEmpty && this.#splitsCodePoint(subject, span.end);
      if (splits && anchor === 'at') return;
      if (splits || (isEmpty && span.end === lastEnd)) {
        from = span.end + 1;
        continue;
      }
      yield { ...span, groups: this.#groups(subject, span) };
      lastEnd = span.end;
      from = span.end;
    }
  }

  #find(text: string, { from, to, anchor }: Required<SearchOptions>): Span | undefined {
    const { minLength, wholeText } = this.image;
    if (to - from < minLength || !this.#hasRequired(text, from)) return undefined;
    const isAnchored = anchor === 'at' || this.image.isAnchoredAtStart;
    if (wholeText !== undefined && !isAnchored) {
      const start = text.indexOf(wholeText, from);
      return start < 0 || start + wholeText.length > to ? undefined : { start, end: start + wholeText.length };
    }
    const span = this.#isSimulated ? undefined : this.#findByAutomaton(text, [from, to], isAnchored);
    if (span === NOTHING) return undefined;
    if (span !== undefined) return span;
    const slots = this.#simulate({ text, from, to, isAnchored }, 2);
    return slots === undefined ? undefined : { start: slots[0] ?? 0, end: slots[1] ?? 0 };
  }

  /** The span, `NOTHING` without a match, or undefined when an automaton gave up. */
  #findByAutomaton(text: string, [from, to]: readonly [number, number], isAnchored: boolean): Span | undefined {
    this.#finder ??= this.#automaton('preferred');
    const end = this.#finder.lastEnd(text, [from, to], isAnchored);
    if (end === GAVE_UP) return undefined;
    if (end === NO_MATCH) return NOTHING;
    if (isAnchored) return { start: from, end };
    const { backward } = this.image;
    if (backward === undefined) return this.#beginBySimulation(text, from, end);
    this.#beginner ??= new LazyAutomaton(backward, { order: 'all', isBackward: true }, this.#budget);
    const start = this.#beginner.firstBegin(text, from, end);
    return start === GAVE_UP ? this.#beginBySimulation(text, from, end) : { start, end };
  }

  #beginBySimulation(text: string, from: number, end: number): Span | undefined {
    const slots = this.#simulate({ text, from, to: end, isAnchored: false }, 2);
    return slots === undefined ? undefined : { start: slots[0] ?? 0, end: slots[1] ?? 0 };
  }

  #groups(text: string, span: Span): (Span | undefined)[] {
    const count = this.image.captures + 1;
    if (count === 1) return [{ start: span.start, end: span.end }];
    let slots = new Int32Array(count * 2);
    this.#backtracker ??= this.#isSimulated ? undefined : new Backtracker(this.image.program);
    if (this.#backtracker?.fits(span.end - span.start)) {
      const before = this.#backtracker.steps;
      this.#backtracker.run(text, [span.start, span.end], slots);
      this.#budget.work += this.#backtracker.steps - before;
    } else {
      const window = { text, from: span.start, to: span.end, isAnchored: true };
      slots = Int32Array.from(this.#simulate(window, count * 2) ?? slots);
    }
    return Array.from({ length: count }, (_, group) => {
      const start = slots[group * 2] ?? -1;
      const end = slots[group * 2 + 1] ?? -1;
      return start < 0 || end < 0 ? undefined : { start, end };
    });
  }

  #simulate(window: Parameters<Simulation['run']>[0], slotCount: number): Int32Array | undefined {
    let simulation = this.#simulations.get(slotCount);
    if (simulation === undefined) {
      simulation = new Simulation(this.image.program, slotCount);
      this.#simulations.set(slotCount, simulation);
    }
    const before = simulation.steps;
    const slots = simulation.run(window);
    this.#budget.work += simulation.steps - before;
    return slots;
  }

  /** True unless a text that every match contains does not stand behind `from`. */
  #hasRequired(text: string, from: number): boolean {
    const { requiredText } = this.image;
    if (requiredText === '' || text.length - from < REQUIRED_LENGTH_MIN) return true;
    const at = text.indexOf(requiredText, from);
    this.#countSearched((at < 0 ? text.length : at) - from);
    return at >= 0;
  }

  #hasText(wanted: string, text: string): boolean {
    const at = text.indexOf(wanted);
    this.#countSearched(at < 0 ? text.length : at);
    return at >= 0;
  }

  #countSearched(bytes: number): void {
    this.#bytesSearched += bytes;
    this.#budget.work += bytes;
  }

  #splitsCodePoint(text: string, index: number): boolean {
    return this.image.isUtf8 && index < text.length && (text.charCodeAt(index) & 0xc0) === 0x80;
  }

  #automata(): (LazyAutomaton | undefined)[] {
    return [this.#tester, this.#wholeTester, this.#finder, this.#beginner];
  }

  #automaton(order: ThreadOrder): LazyAutomaton {
    return new LazyAutomaton(this.image.program, { order, isBackward: false }, this.#budget);
  }
}

/** In a shorter text looking for what it must contain first costs as much as searching it. */
const REQUIRED_LENGTH_MIN = 64;

/** Stands for "no match", where undefined stands for "another engine must say". */
const NOTHING: Span = { start: NO_MATCH, end: NO_MATCH };

function checkedSearch(text: Text, options: SearchOptions): Required<SearchOptions> {
  const { from = 0, to = text.length, anchor = 'anywhere' } = options;
  const isInside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= text.length;
  if (!isInside) throw new RegexError('BAD_OPTION', -1, 'from and to are not places of the text in this order');
  return { from, to, anchor };
}
