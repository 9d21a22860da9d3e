import type { LogLine } from './gateway.ts';

/** What the log has of one stage. */
export interface Logged {
  /** One line for each rule that matched, in the form that the tests look for. */
  readonly lines: readonly string[];
  /** Codes of what the gateway refused although it only observes: bytes that are no HTTP. */
  readonly reasons: readonly string[];
}

/** The log of each stage: what stands between its marker and the next. */
export function splitByMarkers(log: readonly LogLine[], stages: number): readonly Logged[] {
  const logged = Array.from({ length: stages }, () => ({ lines: [] as string[], reasons: [] as string[] }));
  let current: { lines: string[]; reasons: string[] } | undefined;
  for (const line of log) {
    if (line['kind'] !== 'exchange') continue;
    const texts = linesOf(line);
    const marker = texts.map((text) => /X-CRS-Test m(\d+)/.exec(text)?.[1]).find((index) => index !== undefined);
    if (marker !== undefined) {
      current = logged[Number(marker)];
      continue;
    }
    current?.lines.push(...texts);
    if (line['decidedBy'] === 'strictness') current?.reasons.push(String(line['reason']));
  }
  return logged;
}

/** An event tells the story of twenty rules; of the others it has no more than their number. */
function linesOf(event: LogLine): readonly string[] {
  const ids = list(part(event['inspection'], 'ruleIds')).map(Number);
  const matches = list(part(event['inspection'], 'matches'));
  return ids.map((id) => {
    const match = matches.find((one) => part(one, 'id') === id);
    const [message, data, target] = ['message', 'data', 'target'].map((key) => text(part(match, key)));
    return `[id "${id}"] [msg "${message}"] [data "${data}"] ${target}`;
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function part(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
