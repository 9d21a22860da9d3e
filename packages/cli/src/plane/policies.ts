import {
  formatProblem,
  PolicyHistory,
  type PolicySource,
  type Problem,
  type SallyportConfig,
} from '@sallyport/control';
import type { PolicyImage } from '@sallyport/gateway';
import type { Clock, StoredPolicy } from '@sallyport/kernel';
import type { Compiled, CompileRequest, CompileResult } from './compile.ts';

export interface PoliciesOptions {
  readonly clock: Clock;
  /** What the process began with. */
  readonly first: Compiled;
  /** The file and what it refers to; undefined: there is none, and nothing to read again. */
  readonly file: Pick<CompileRequest, 'path' | 'environment'> | undefined;
  readonly compile: (request: CompileRequest) => Promise<CompileResult>;
  /** Brings a policy into force everywhere; rejects when that was not possible, and the one before it stays. */
  readonly publish: (image: PolicyImage, compileMs: number) => Promise<void>;
  readonly onRefused: (why: string) => void;
  /** It is in force, with what else was configured. */
  readonly onPublished: (compiled: Compiled) => void;
  /** What there was before this process, the oldest first. */
  readonly earlier: readonly StoredPolicy[];
  /** Keeps an attempt for the next process. */
  readonly onAttempt: (attempt: StoredPolicy) => void;
}

/** One policy with what it was made of. */
interface Content {
  readonly config: SallyportConfig;
  readonly image: PolicyImage;
}

/** What an order to publish came to. */
export type PublishOutcome =
  | {
      readonly kind: 'published' | 'unchanged';
      readonly version: number;
      readonly hash: string;
      readonly warnings: readonly Problem[];
    }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }
  | { readonly kind: 'failed'; readonly detail: string };

/** By whom and how a policy was asked for. */
export interface PublishOrder {
  readonly source: PolicySource;
  readonly author: string;
}

/** Which policy is in force, which there were, and the ways to another one. Orders are carried out one after the other. */
export class Policies {
  readonly #options: PoliciesOptions;
  readonly #history = new PolicyHistory<Content>();
  readonly #first: SallyportConfig;
  #inForce: Pick<Compiled, 'hash' | 'image'>;
  #lastVersion: number;
  #orders: Promise<unknown> = Promise.resolve();

  constructor(options: PoliciesOptions) {
    this.#options = options;
    const { first } = options;
    this.#first = first.config;
    this.#inForce = first;
    this.#lastVersion = first.image.version;
    for (const attempt of options.earlier) this.#history.add({ ...attempt, content: undefined });
    this.#note({ source: 'start', author: '' }, { result: 'published', compiled: first, problems: [] });
  }

  get history(): PolicyHistory<Content> {
    return this.#history;
  }

  get inForce(): Pick<Compiled, 'hash' | 'image'> {
    return this.#inForce;
  }

  /** Reads the file again, and publishes what it says when nothing is wrong with it. */
  reload(order: PublishOrder): Promise<PublishOutcome> {
    return this.#inTurn(() => this.#reload(order));
  }

  /** Publishes an earlier version again, under a new number. `undefined`: that version is not known or not kept. */
  rollback(version: number, order: PublishOrder): Promise<PublishOutcome | undefined> {
    return this.#inTurn(async () => {
      const content = this.#history.contentOf(version);
      const attempt = this.#history.attempts.find((item) => item.version === version);
      if (content === undefined || attempt === undefined) return undefined;
      const image = { ...content.image, version: this.#lastVersion + 1 };
      return this.#publish(order, {
        ok: true,
        config: content.config,
        image,
        hash: attempt.hash,
        warnings: [],
        compileMs: 0,
      });
    });
  }

  async #reload(order: PublishOrder): Promise<PublishOutcome> {
    const { file, compile } = this.#options;
    if (file === undefined) return { kind: 'failed', detail: 'there is no configuration file to read again' };
    const previous = this.#history.current?.content?.image;
    const result = await compile({ ...file, version: this.#lastVersion + 1, previous });
    if (!result.ok) {
      this.#note(order, { result: 'refused', compiled: undefined, problems: result.problems.map(formatProblem) });
      this.#options.onRefused(`${errorsIn(result.problems)} in ${file.path}`);
      return { kind: 'refused', problems: result.problems };
    }
    return this.#publish(order, { ...result, warnings: [...result.warnings, ...this.#deferred(result, file.path)] });
  }

  async #publish(order: PublishOrder, compiled: Compiled): Promise<PublishOutcome> {
    const { hash, image, warnings, compileMs } = compiled;
    const problems = warnings.map(formatProblem);
    const { current } = this.#history;
    if (current?.version !== undefined && current.hash === hash) {
      this.#note(order, { result: 'unchanged', compiled: undefined, problems });
      return { kind: 'unchanged', version: current.version, hash, warnings };
    }
    try {
      await this.#options.publish(image, compileMs);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      this.#note(order, { result: 'failed', compiled: undefined, problems: [detail] });
      this.#options.onRefused(detail);
      return { kind: 'failed', detail };
    }
    this.#inForce = compiled;
    this.#lastVersion = image.version;
    this.#options.onPublished(compiled);
    this.#note(order, { result: 'published', compiled, problems });
    return { kind: 'published', version: image.version, hash, warnings };
  }

  /** What a running process cannot take over. */
  #deferred({ config }: Compiled, file: string): readonly Problem[] {
    const changed = RESTART_KEYS.filter((key) => JSON.stringify(config[key]) !== JSON.stringify(this.#first[key]));
    return changed.map((key) => ({
      severity: 'warning',
      file,
      line: 0,
      column: 0,
      key,
      problem: 'has changed, which takes effect at the next start',
      value: undefined,
      allowed: undefined,
      suggestion: undefined,
    }));
  }

  #note(
    { source, author }: PublishOrder,
    attempt: {
      readonly result: 'published' | 'unchanged' | 'refused' | 'failed';
      readonly compiled: Compiled | undefined;
      readonly problems: readonly string[];
    },
  ): void {
    const { result, compiled, problems } = attempt;
    const noted: StoredPolicy = {
      version: compiled?.image.version,
      hash: compiled?.hash ?? '',
      source,
      author,
      timeMs: this.#options.clock.wallMs(),
      result,
      problems,
    };
    this.#options.onAttempt(noted);
    this.#history.add({
      ...noted,
      content: compiled === undefined ? undefined : { config: compiled.config, image: compiled.image },
    });
  }

  #inTurn<Result>(order: () => Promise<Result>): Promise<Result> {
    const result = this.#orders.then(order);
    this.#orders = result.catch(() => undefined);
    return result;
  }
}

/** Sections of the configuration that hold from one start to the next. */
const RESTART_KEYS = [
  'operations',
  'admin',
  'state',
  'events',
  'notifications',
  'errorReports',
  'log',
  'workers',
] as const;

function errorsIn(problems: readonly Problem[]): string {
  const count = problems.filter(({ severity }) => severity === 'error').length;
  return count === 1 ? '1 error' : `${count} errors`;
}
