/**
 * What every stage promises, as a test suite: `runStageContract` in a stage's own test file.
 *
 * Exported as `@sallyport/guards/contract` so that stages of other packages pass the same suite.
 *
 * @module
 */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import {
  type Exchange,
  METHODS,
  PASS,
  REASON_DETAIL_MAX,
  REASONS,
  type ReasonCode,
  type RouteConfig,
  type Stage,
  type StageDefinition,
  type Verdict,
} from '@sallyport/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exchangeOf } from './exchange.ts';

export { type ExchangeParts, exchangeOf, routeOf } from './exchange.ts';

export interface StageContract<Config, Image> {
  readonly definition: StageDefinition<Config, Image>;
  readonly config: Config;
  /** Exchanges that pass under `config`; at least one. */
  readonly passing: readonly Exchange[];
  /** Exchanges that are denied under `config`; at least one. */
  readonly denied: readonly DeniedExchange[];
}

export interface DeniedExchange {
  readonly exchange: Exchange;
  readonly status: number;
  readonly reason: ReasonCode;
}

/** Hostile exchanges tried per property. */
const HOSTILE_RUNS = 300;

/** Declares the suite under `name`. */
export function runStageContract<Config, Image>(name: string, contract: StageContract<Config, Image>): void {
  const { definition, config, passing, denied } = contract;
  const fresh = (): Stage => definition.instantiate(definition.compile(config));
  const all = [...passing, ...denied.map(({ exchange }) => exchange)];

  describe(`${name}, as a stage`, () => {
    it('has a name and declares what its failure means', () => {
      expect(definition.name).toMatch(/^[a-z][a-z-]*$/);
      expect(['deny', 'pass']).toContain(definition.onFailure);
    });

    it('passes with the one PASS', async () => {
      expect(passing.length).toBeGreaterThan(0);
      const stage = fresh();
      for (const exchange of passing) expect(await stage.inspect(exchange)).toBe(PASS);
    });

    it('denies with the status and the reason that are expected', async () => {
      expect(denied.length).toBeGreaterThan(0);
      const stage = fresh();
      for (const { exchange, status, reason } of denied) {
        expect(await stage.inspect(exchange)).toMatchObject({ kind: 'deny', status, reason: { code: reason } });
      }
    });

    it('returns verdicts that are plain, bounded data, which may be frozen', async () => {
      const stage = fresh();
      for (const exchange of all) {
        const verdict = await stage.inspect(exchange);
        expectWellFormed(verdict);
        deepFreeze(verdict);
        expect(await stage.inspect(exchange)).toEqual(verdict);
      }
    });

    it('judges the same from an image that went to another thread, and shares its memory', async () => {
      const image = definition.compile(config);
      const shared = sharedBuffersOf(image);
      for (const copy of [structuredClone(image), throughMessagePort(image)]) {
        expect(sharedBuffersOf(copy)).toHaveLength(shared.length);
        expect(await judgeAll(definition.instantiate(copy), all)).toEqual(
          await judgeAll(definition.instantiate(image), all),
        );
      }
    });

    it('makes stages that are equal and do not disturb one another', async () => {
      const image = definition.compile(config);
      const one = definition.instantiate(image);
      const other = definition.instantiate(image);
      expect(one).not.toBe(other);
      const verdicts = await judgeAll(one, all);
      expect(await judgeAll(other, all)).toEqual(verdicts);
      expect(await judgeAll(definition.instantiate(image), all.toReversed())).toEqual(verdicts.toReversed());
    });

    it('compiles equal images from equal configurations', () => {
      expect(definition.compile(structuredClone(config))).toEqual(definition.compile(config));
    });

    it('leaves the exchange as it was', async () => {
      const stage = fresh();
      for (const exchange of all) {
        const before = snapshot(exchange);
        await stage.inspect(deepFreeze(exchange));
        expect(snapshot(exchange)).toEqual(before);
      }
    });

    it('answers every hostile exchange with a well-formed verdict', async () => {
      const stage = fresh();
      const routes = [null, ...new Set(all.flatMap(({ route }) => route ?? []))];
      await fc.assert(
        fc.asyncProperty(hostileExchange(routes), async (exchange) => {
          expectWellFormed(await stage.inspect(deepFreeze(exchange)));
        }),
        { numRuns: HOSTILE_RUNS },
      );
    });
  });
}

/** Whatever may stand in an exchange after the gateway's strictness, and some of what may not. */
function hostileExchange(routes: readonly (RouteConfig | null)[]): fc.Arbitrary<Exchange> {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 64 }),
    fc.string({
      unit: fc.constantFrom('/', '%', '2', 'f', 'F', '5', 'c', '.', ';', '"', '\\', '=', ' ', '\t', 'a', '\xff'),
    }),
  );
  const name = fc.oneof(fc.constantFrom('content-type', '__proto__', 'constructor', 'toString', '', 'cookie'), text);
  return fc
    .record({
      address: fc.oneof(fc.ipV4(), fc.ipV6()),
      method: fc.oneof(fc.constantFrom(...METHODS), text),
      path: text.map((rest) => `/${rest}`),
      query: text,
      hasEncodedSlash: fc.boolean(),
      headers: fc.array(fc.tuple(name, text), { maxLength: 120 }),
      headerBytes: fc.nat({ max: 100_000 }),
      framing: fc.oneof(
        fc.constant({ kind: 'none' as const }),
        fc.constant({ kind: 'chunked' as const }),
        fc.nat({ max: Number.MAX_SAFE_INTEGER }).map((bytes) => ({ kind: 'length' as const, bytes })),
      ),
      route: fc.constantFrom(...routes),
      isWebSocket: fc.boolean(),
    })
    .map((parts) => exchangeOf(parts));
}

async function judgeAll(stage: Stage, exchanges: readonly Exchange[]): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const exchange of exchanges) verdicts.push(await stage.inspect(exchange));
  return verdicts;
}

function expectWellFormed(verdict: Verdict): void {
  expect(structuredClone(verdict)).toEqual(verdict);
  if (verdict.kind === 'pass') {
    expect(verdict).toBe(PASS);
    return;
  }
  expect(Object.keys(REASONS)).toContain(verdict.reason.code);
  expect(verdict.reason.detail?.length ?? 0).toBeLessThanOrEqual(REASON_DETAIL_MAX);
  if (verdict.kind !== 'deny') return;
  expect(verdict.status).toBeGreaterThanOrEqual(400);
  expect(verdict.status).toBeLessThan(600);
  for (const [field, value] of Object.entries(verdict.headers ?? {})) {
    expect(field).toMatch(/^[a-z][a-z0-9-]*$/);
    expect(value).toMatch(/^[\t\x20-\x7e]*$/);
  }
}

/** Sends a value through a port as it is sent to a worker: cloned, with shared memory staying shared. */
function throughMessagePort<T>(value: T): T {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(value);
  const received: { readonly message: T } | undefined = receiveMessageOnPort(port2);
  port1.close();
  if (received === undefined) throw new Error('the message port holds no message');
  return received.message;
}

/** Every SharedArrayBuffer a value reaches. */
function sharedBuffersOf(value: unknown): readonly SharedArrayBuffer[] {
  const buffers = new Set<SharedArrayBuffer>();
  walk(value, (each) => {
    if (each instanceof SharedArrayBuffer) buffers.add(each);
    if (ArrayBuffer.isView(each) && each.buffer instanceof SharedArrayBuffer) buffers.add(each.buffer);
  });
  return [...buffers];
}

/** Freezes a value and all it reaches except memory, which cannot be frozen. */
function deepFreeze<T>(value: T): T {
  walk(value, (each) => {
    if (!ArrayBuffer.isView(each)) Object.freeze(each);
  });
  return value;
}

function walk(value: unknown, visit: (each: object) => void): void {
  if (typeof value !== 'object' || value === null) return;
  visit(value);
  if (ArrayBuffer.isView(value)) return;
  for (const each of Object.values(value)) walk(each, visit);
}

/** All an exchange says, private fields included, as plain data. */
function snapshot(exchange: Exchange): unknown {
  const { client, request } = exchange;
  const fields = Array.from({ length: request.headers.length }, (_, index) => [
    request.headers.nameAt(index),
    request.headers.valueAt(index),
  ]);
  return structuredClone({
    ...exchange,
    client: [client.address.text, [...client.address.bytes], client.peer, client.evidence, client.network],
    request: { ...request, headers: fields },
  });
}
