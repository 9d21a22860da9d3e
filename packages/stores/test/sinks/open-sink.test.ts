import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@sallyport/kernel';
import { parseQuery, type Query, toEcs, toOcsf } from '@sallyport/siem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSink } from '../../src/sinks/open-sink.ts';
import { exchange, lineOf } from '../events/sample.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-open-sink-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const EVENTS = [exchange(0), exchange(1, { verdict: 'deny', status: 403 }), exchange(2)];

async function written(
  format: 'sallyport' | 'ecs' | 'ocsf',
  filter?: string,
): Promise<{ text: string; malformed: number }> {
  const path = join(folder, 'events.ndjson');
  const file = { path, rotateBytes: 1e6, rotateMs: 86_400_000, filesMax: 3, bytesMax: 1e6 };
  const watch = { clock: new ManualClock(), onFailure: () => undefined, onRecovery: () => undefined };
  const sink = openSink({ filter: filter === undefined ? undefined : queryOf(filter), format, file }, watch);
  sink.offer(
    [...EVENTS.map((event) => lineOf(event)), 'no json\n', '[]\n'].map((line) => ({ line, isInnocent: true })),
  );
  await sink.close();
  return { text: readFileSync(path, 'utf8'), malformed: sink.counts().malformed };
}

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(parsed.problem.message);
  return parsed.query;
}

describe('a sink', () => {
  it('writes lines as they are', async () => {
    const lines = `${EVENTS.map(lineOf).join('')}no json\n[]\n`;
    expect(await written('sallyport')).toEqual({ text: lines, malformed: 0 });
  });

  it.each([
    ['ecs' as const, toEcs],
    ['ocsf' as const, toOcsf],
  ])('writes them in the words of %s', async (format, mapped) => {
    const lines = EVENTS.map((event) => `${JSON.stringify(mapped(event))}\n`).join('');
    expect(await written(format)).toEqual({ text: lines, malformed: 2 });
  });

  it('writes those that were asked for', async () => {
    const denied = lineOf(exchange(1, { verdict: 'deny', status: 403 }));
    expect(await written('sallyport', 'status >= 400')).toEqual({ text: denied, malformed: 2 });
  });
});
