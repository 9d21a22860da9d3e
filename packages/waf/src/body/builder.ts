import type { BodyCollections, BodyError, BodyFlag, BodyLimits, BodyProcessor, BodyValue } from './port.ts';

/** The lists of values that a processor fills. */
export type BodyList =
  | 'args'
  | 'files'
  | 'filesNames'
  | 'filesSizes'
  | 'filesContent'
  | 'partHeaders'
  | 'xmlTexts'
  | 'xmlAttributes'
  | 'xmlMarkup';

/** Collects what a processor finds, within the limits. */
export class BodyBuilder {
  /** Bytes looked at. */
  steps = 0;
  filesCombinedSize = 0;
  readonly limits: BodyLimits;
  readonly #body: string;
  readonly #lists: Record<BodyList, BodyValue[]> = {
    args: [],
    files: [],
    filesNames: [],
    filesSizes: [],
    filesContent: [],
    partHeaders: [],
    xmlTexts: [],
    xmlAttributes: [],
    xmlMarkup: [],
  };
  readonly #lineBreaks = new Set<boolean>();
  readonly #flags = new Set<BodyFlag>();
  #values = 0;
  #error: BodyError | undefined;
  #restStart: number | undefined;

  constructor(body: string, limits: BodyLimits) {
    this.#body = body;
    this.limits = limits;
  }

  /** Adds a value; false, with the error set, when that is one more than the limits allow. `start` begins the rest. */
  add(list: BodyList, entry: BodyValue, start: number = entry.start): boolean {
    if (this.#values >= this.limits.valuesMax) return this.fail('has too many values', start);
    if (entry.name.length > this.limits.nameBytesMax) return this.fail('has a name that is too long', start);
    this.#values++;
    this.#lists[list].push(entry);
    return true;
  }

  flag(flag: BodyFlag): void {
    this.#flags.add(flag);
  }

  /** Notes a line break of a multipart body; true when both kinds have been seen. */
  sawLineBreak(isCrLf: boolean): boolean {
    this.#lineBreaks.add(isCrLf);
    return this.#lineBreaks.size > 1;
  }

  /** Ends the parsing: the body from `offset` on is the rest. Returns false. The first error stays. */
  fail(message: string, offset: number): false {
    this.refuse(message, offset);
    this.#restStart ??= offset;
    return false;
  }

  /** Records an error behind which the parsing goes on. The first error stays. */
  refuse(message: string, offset: number): void {
    this.#error ??= { message, offset };
  }

  finish(processor: BodyProcessor): BodyCollections {
    const error = this.#error && { ...this.#error, message: `The ${processor} body ${this.#error.message}` };
    const rest = this.#rest(processor === 'RAW' ? 0 : this.#restStart);
    if (rest !== undefined && error !== undefined) {
      this.#lists.args.push(rest);
      if (processor === 'XML') this.#lists.xmlTexts.push(rest);
    }
    return {
      ...this.#lists,
      processor,
      rest,
      error,
      filesCombinedSize: this.filesCombinedSize,
      flags: this.#flags,
      isStrictError: processor === 'MULTIPART' && (error !== undefined || STRICT.some((flag) => this.#flags.has(flag))),
      steps: this.steps,
    };
  }

  #rest(start: number | undefined): BodyValue | undefined {
    if (start === undefined || start >= this.#body.length) return undefined;
    return { name: '', value: this.#body.slice(start), start, end: this.#body.length };
  }
}

/** The flags that ModSecurity's reference manual puts into MULTIPART_STRICT_ERROR, and those of ours that hide a value. */
const STRICT: readonly BodyFlag[] = [
  'BOUNDARY_QUOTED',
  'BOUNDARY_WHITESPACE',
  'DATA_BEFORE',
  'DATA_AFTER',
  'HEADER_FOLDING',
  'INVALID_HEADER_FOLDING',
  'LF_LINE',
  'CRLF_LF_LINES',
  'MISSING_SEMICOLON',
  'INVALID_QUOTING',
  'INVALID_PART',
  'FILE_LIMIT_EXCEEDED',
  'DUPLICATE_HEADER',
  'DUPLICATE_PARAMETER',
  'NUL',
  'UNTERMINATED',
];
