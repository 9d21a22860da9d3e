import { Buffer } from 'node:buffer';
import { type BodyType, NO_TYPE, parseBody, parseContentType, parseCookies } from '../body/index.ts';
import type { EngineMode } from '../seclang/rule.ts';
import { addArguments, addBody, bodyLimits, processorOf, setBodyError } from './bodies.ts';
import { Collection } from './collection.ts';
import { runCompiledPhase, runPhaseInParts } from './compiled-evaluator.ts';
import { mergePersistent } from './effects.ts';
import { runPhase } from './evaluator.ts';
import type { Interruption, MatchedRule } from './outcome.ts';
import { splitTarget } from './request-target.ts';
import { type EngineContext, State } from './state.ts';
import { namesOf } from './variables.ts';

/** Between whom an exchange takes place. */
export interface TransactionConnection {
  /** The client's address, as the gateway decided it. */
  readonly clientIp: string;
  readonly clientPort: number;
  readonly serverIp: string;
  readonly serverPort: number;
}

/** The request line. Byte strings: one character for one byte. */
export interface TransactionRequestLine {
  readonly method: string;
  /** The request target as the server behind the gateway will see it. */
  readonly target: string;
  /** The request target as it came, for REQUEST_URI_RAW. Default: `target`. */
  readonly rawTarget?: string;
  /** `HTTP/1.1`. */
  readonly protocol: string;
  /** The line as it came; put together from the other three where it is not known. */
  readonly line?: string;
}

/** A header field as it came; byte strings. */
export type TransactionHeader = readonly [name: string, value: string];

export interface TransactionResponse {
  readonly status: number;
  readonly protocol: string;
  readonly headers: readonly TransactionHeader[];
}

/**
 * One exchange on its way through the phases. Call the methods in their order, each at most once; each that runs rules
 * returns the interruption, if there is one, and later phases then do nothing but logging. Nothing here throws for what
 * a client or a server sends.
 */
export class Transaction {
  readonly #state: State;
  readonly #context: EngineContext;
  readonly #startedMs: number;
  readonly #startedAtMs: number;
  #bodyType: BodyType | undefined;
  #responseType = '';

  /** Use `Waf.transaction`. */
  constructor(context: EngineContext, uniqueId: string, mode?: EngineMode) {
    this.#context = context;
    this.#state = new State(context, (variable) => this.#defaultOf(variable));
    if (mode !== undefined) this.#state.mode = mode;
    this.#startedMs = context.clock.monotonicMs();
    this.#startedAtMs = context.clock.wallMs();
    this.#state.variables.setScalar('UNIQUE_ID', uniqueId);
  }

  /** The rules that matched so far, in order, each with its explanation. */
  get matchedRules(): readonly MatchedRule[] {
    return this.#state.matched;
  }

  /** What is to be done about the exchange; undefined while nothing is. */
  get interruption(): Interruption | undefined {
    return this.#state.interruption;
  }

  /** The first thing that would have been done if the engine were not in DetectionOnly. */
  get suppressedInterruption(): Interruption | undefined {
    return this.#state.suppressed;
  }

  /** Bytes that transformations and operators have looked at: what the step budget counts. */
  get steps(): number {
    return this.#state.steps;
  }

  /** True when the rules want to see the response body; known after `processResponseHeaders`. */
  get wantsResponseBody(): boolean {
    return this.#state.responseBodyAccess && this.#state.settings.responseMimeTypes.has(this.#responseType);
  }

  /** The first value of a variable (`TX`, `anomaly_score`); undefined without one. For tests and explanations. */
  valueOf(variable: string, key = ''): string | undefined {
    return this.#state.variables.of(variable.toUpperCase()).first(key.toLowerCase());
  }

  processConnection({ clientIp, clientPort, serverIp, serverPort }: TransactionConnection): void {
    const { variables } = this.#state;
    variables.setScalar('REMOTE_ADDR', clientIp);
    variables.setScalar('REMOTE_PORT', String(clientPort));
    variables.setScalar('SERVER_ADDR', serverIp);
    variables.setScalar('SERVER_PORT', String(serverPort));
  }

  processUri({ method, target, rawTarget = target, protocol, line }: TransactionRequestLine): void {
    const { variables, settings } = this.#state;
    const { uri, path, basename, query } = splitTarget(target);
    variables.setScalar('REQUEST_METHOD', method);
    variables.setScalar('REQUEST_PROTOCOL', protocol);
    variables.setScalar('REQUEST_LINE', line ?? `${method} ${rawTarget} ${protocol}`);
    variables.setScalar('REQUEST_URI_RAW', rawTarget);
    variables.setScalar('REQUEST_URI', uri);
    variables.setScalar('REQUEST_FILENAME', path);
    variables.setScalar('REQUEST_BASENAME', basename);
    variables.setScalar('QUERY_STRING', query);
    const parsed = parseBody({ ...NO_TYPE, processor: 'URLENCODED' }, query, bodyLimits(settings));
    this.#state.steps += parsed.steps;
    addArguments(variables, 'GET', parsed.args);
    if (parsed.error !== undefined || parsed.flags.has('URL_ENCODING')) variables.setScalar('URLENCODED_ERROR', '1');
  }

  /** Phase 1. */
  processRequestHeaders(headers: readonly TransactionHeader[]): Interruption | undefined {
    const { variables } = this.#state;
    const fields = collectionOf(headers);
    variables.replace('REQUEST_HEADERS', fields);
    variables.replace('REQUEST_HEADERS_NAMES', namesOf(fields.all));
    variables.setScalar('SERVER_NAME', (fields.first('host') ?? '').replace(/:\d*$/, ''));
    const cookies = new Collection();
    const cookieFields = fields.valuesOf('cookie').map(({ text }) => text);
    for (const { name, value } of parseCookies(cookieFields)) cookies.add(name, value);
    variables.replace('REQUEST_COOKIES', cookies);
    variables.replace('REQUEST_COOKIES_NAMES', namesOf(cookies.all));
    this.#bodyType = parseContentType(fields.valuesOf('content-type').map(({ text }) => text));
    const { processor } = this.#bodyType;
    variables.setScalar('REQBODY_PROCESSOR', processor === 'RAW' ? '' : processor);
    return this.#run(1);
  }

  /** Phase 2. The whole body, or as much of it as the gateway keeps; undefined when there is none. */
  processRequestBody(body?: Uint8Array): Interruption | undefined {
    if (body !== undefined && body.length > 0 && this.#state.requestBodyAccess) this.#readBody(body);
    return this.#run(2);
  }

  /**
   * As `processRequestBody`, in slices of some milliseconds, for a body of which the whole would keep everybody else waiting:
   * a pause stands behind each, in which other transactions may run. The same interruption; also when it is given up in a
   * pause, `processLogging` ends the transaction. `sliceSteps`: the least a slice takes, integer, at least 1, default 2,000,000,
   * which are five to ten milliseconds.
   */
  *requestBodyInSlices(
    body: Uint8Array,
    sliceSteps: number = SLICE_STEPS,
  ): Generator<undefined, Interruption | undefined> {
    if (body.length > 0 && this.#state.requestBodyAccess) this.#readBody(body);
    const { policy } = this.#context;
    if (policy === undefined) return this.#run(2);
    this.#state.variables.forget('DURATION');
    let { steps } = this.#state;
    for (const _ of runPhaseInParts(policy, 2, this.#state)) {
      if (this.#state.steps - steps < sliceSteps) continue;
      yield;
      ({ steps } = this.#state);
    }
    return this.#state.interruption;
  }

  /** Phase 3. */
  processResponseHeaders({ status, protocol, headers }: TransactionResponse): Interruption | undefined {
    const { variables } = this.#state;
    const fields = collectionOf(headers);
    const type = fields.first('content-type') ?? '';
    this.#responseType = (type.split(';', 1)[0] ?? '').trim().toLowerCase();
    variables.replace('RESPONSE_HEADERS', fields);
    variables.replace('RESPONSE_HEADERS_NAMES', namesOf(fields.all));
    variables.setScalar('RESPONSE_STATUS', String(status));
    variables.setScalar('RESPONSE_PROTOCOL', protocol);
    variables.setScalar('STATUS_LINE', `${protocol} ${status}`);
    variables.setScalar('RESPONSE_CONTENT_TYPE', this.#responseType);
    return this.#run(3);
  }

  /**
   * Phase 4. The body as the client would read it: without transfer coding and content coding. A body that is too long to
   * be held comes in pieces, and the phase runs for each of them.
   */
  processResponseBody(body?: Uint8Array): Interruption | undefined {
    const { settings, variables } = this.#state;
    if (body !== undefined && this.wantsResponseBody) {
      variables.setScalar('RESPONSE_CONTENT_LENGTH', String(body.length));
      const isOver = body.length > settings.responseBodyBytesMax;
      if (isOver) variables.setScalar('OUTBOUND_DATA_ERROR', '1');
      if (isOver && settings.responseBodyOverLimit === 'reject') {
        this.#refuse('responseBodyLimit', 'the response body is larger than it may be');
      }
      variables.setScalar('RESPONSE_BODY', latin1(body.subarray(0, settings.responseBodyBytesMax)));
    }
    return this.#run(4);
  }

  /** Phase 5, which cannot refuse any more; then what persistent collections learned is kept. */
  processLogging(): void {
    this.#run(5);
    mergePersistent(this.#state);
  }

  #run(phase: 1 | 2 | 3 | 4 | 5): Interruption | undefined {
    // Read anew in each phase, and only where a rule asks.
    this.#state.variables.forget('DURATION');
    const { policy } = this.#context;
    if (policy === undefined) runPhase(phase, this.#state);
    else runCompiledPhase(policy, phase, this.#state);
    return this.#state.interruption;
  }

  #readBody(body: Uint8Array): void {
    const { settings, variables } = this.#state;
    const isOver = body.length > settings.requestBodyBytesMax;
    if (isOver) variables.setScalar('INBOUND_DATA_ERROR', '1');
    if (isOver && settings.requestBodyOverLimit === 'reject') {
      this.#refuse('requestBodyLimit', 'the request body is larger than it may be');
    }
    const text = latin1(body.subarray(0, settings.requestBodyBytesMax));
    variables.setScalar('REQUEST_BODY_LENGTH', String(body.length));
    const type = this.#typeForBody();
    if (type.processor === 'URLENCODED' || this.#state.forceRequestBodyVariable) {
      variables.setScalar('REQUEST_BODY', text);
    }
    const parsed = parseBody(type, text, bodyLimits(settings));
    this.#state.steps += parsed.steps;
    addBody(variables, parsed);
    if (type.error !== undefined) {
      setBodyError(variables, type.error.message);
      // Two types are two readings, and the server behind the gateway may choose the other one.
      this.#refuse('requestBodyType', type.error.message);
    }
  }

  /** What a rule chose wins over what the Content-Type says. */
  #typeForBody(): BodyType {
    const type = this.#bodyType ?? NO_TYPE;
    const chosen = this.#state.bodyProcessor;
    if (chosen === undefined) return type;
    const processor = processorOf(chosen);
    if (processor === undefined) setBodyError(this.#state.variables, 'a rule chose a body processor that is unknown');
    return { ...type, processor: processor ?? 'RAW' };
  }

  #refuse(cause: keyof typeof REFUSALS, message: string): void {
    this.#state.interrupt({ kind: 'deny', ...REFUSALS[cause], location: undefined, cause, ruleId: 0, message });
  }

  #durationUs(): number {
    return Math.trunc((this.#context.clock.monotonicMs() - this.#startedMs) * 1_000);
  }

  #defaultOf(variable: string): string | undefined {
    if (variable === 'DURATION') return String(this.#durationUs());
    return DEFAULTS.get(variable) ?? TIMES.get(variable)?.(new Date(this.#startedAtMs));
  }
}

/** Far less than anybody notices who waits meanwhile, and enough that the pauses cost nothing. */
const SLICE_STEPS = 2_000_000;

/** What is answered when a body cannot be judged. */
const REFUSALS = {
  requestBodyLimit: { status: 413, phase: 2 },
  requestBodyType: { status: 400, phase: 2 },
  responseBodyLimit: { status: 500, phase: 4 },
} as const;

const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ...[
    'ARGS_COMBINED_SIZE',
    'FILES_COMBINED_SIZE',
    'INBOUND_DATA_ERROR',
    'MULTIPART_STRICT_ERROR',
    'MULTIPART_UNMATCHED_BOUNDARY',
    'OUTBOUND_DATA_ERROR',
    'REQBODY_ERROR',
    'REQBODY_PROCESSOR_ERROR',
    'REQUEST_BODY_LENGTH',
    'URLENCODED_ERROR',
  ].map((name) => [name, '0'] as const),
  ...['REQBODY_ERROR_MSG', 'REQBODY_PROCESSOR', 'REQBODY_PROCESSOR_ERROR_MSG'].map((name) => [name, ''] as const),
]);

/** When the exchange began, in UTC. */
const TIMES: ReadonlyMap<string, (at: Date) => string> = new Map([
  ['TIME', (at) => at.toISOString().slice(11, 19)],
  ['TIME_EPOCH', (at) => String(Math.trunc(at.getTime() / 1_000))],
  ['TIME_YEAR', (at) => String(at.getUTCFullYear())],
  ['TIME_MON', (at) => String(at.getUTCMonth())],
  ['TIME_DAY', (at) => String(at.getUTCDate())],
  ['TIME_WDAY', (at) => String(at.getUTCDay())],
  ['TIME_HOUR', (at) => String(at.getUTCHours())],
  ['TIME_MIN', (at) => String(at.getUTCMinutes())],
  ['TIME_SEC', (at) => String(at.getUTCSeconds())],
]);

function collectionOf(headers: readonly TransactionHeader[]): Collection {
  const fields = new Collection();
  for (const [name, value] of headers) fields.add(name, value);
  return fields;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
