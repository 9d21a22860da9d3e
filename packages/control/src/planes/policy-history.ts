/** Where a policy came from. */
export type PolicySource = 'start' | 'signal' | 'file' | 'api' | 'rollback';

/** One attempt to bring a policy into force. */
export interface PolicyAttempt<Content> {
  /** Undefined for one that was refused. */
  readonly version: number | undefined;
  /** Of what is configured: two policies with the same hash mean the same. */
  readonly hash: string;
  readonly source: PolicySource;
  readonly author: string;
  /** Wall clock, milliseconds since 1970. */
  readonly timeMs: number;
  readonly result: 'published' | 'unchanged' | 'refused' | 'failed';
  /** Errors and warnings. */
  readonly problems: readonly string[];
  /** What was configured; undefined when nothing was published, or is not kept any more. */
  readonly content: Content | undefined;
}

/** What policies there were, so that one can be compared with another and brought back. */
export class PolicyHistory<Content> {
  /** The oldest first. */
  #attempts: readonly PolicyAttempt<Content>[] = [];

  get attempts(): readonly PolicyAttempt<Content>[] {
    return this.#attempts;
  }

  /** The one in force: the last that was published. */
  get current(): PolicyAttempt<Content> | undefined {
    return this.#attempts.findLast(({ result }) => result === 'published');
  }

  /** What a version was made of, while that is kept. */
  contentOf(version: number): Content | undefined {
    return this.#attempts.find((attempt) => attempt.version === version)?.content;
  }

  add(attempt: PolicyAttempt<Content>): void {
    const all = [...this.#attempts, attempt];
    const kept = new Set(all.filter(({ content }) => content !== undefined).slice(-CONTENTS_MAX));
    // Those that can be brought back stay, however many attempts come to nothing after them: others leave in their place.
    let tooMany = all.length - ATTEMPTS_MAX;
    this.#attempts = all
      .filter((item) => kept.has(item) || tooMany-- <= 0)
      .map((item) => (kept.has(item) ? item : { ...item, content: undefined }));
  }
}

/** Attempts that are remembered, good and bad. */
const ATTEMPTS_MAX = 100;

/** Policies that can be brought back: each holds its tables, which may have a hundred MiB where they differ from the others'. */
const CONTENTS_MAX = 5;
