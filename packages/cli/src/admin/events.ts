import type { EventGaps, EventsAnswer, EventsOverviewAnswer, EventsTopAnswer } from '@sallyport/control/contract';
import { IpAddress } from '@sallyport/kernel';
import { csvCell, valueOf } from '@sallyport/siem';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, printable, table } from './print.ts';

type StoredEvent = EventsAnswer['events'][number];

/** `sallyport events`. */
export const EVENTS: AdminCommand = {
  usage: `Usage: sallyport events [QUERY] [--since MOMENT] [--until MOMENT] [--limit NUMBER] [--csv]
       sallyport events --top FIELD [QUERY] [--since MOMENT] [--until MOMENT] [--limit NUMBER]
       sallyport events --overview [--since MOMENT] [--until MOMENT]

Finds stored events, the latest first; counts the most frequent values of a field; or shows how many there were.
A QUERY names fields (docs/events.md):

  sallyport events 'client = 203.0.113.7 and verdict = deny' --since 2h
  sallyport events 'status >= 500 or path startsWith /api/' --since 2026-11-28 --until 2026-11-28T03:00Z
  sallyport events --top client 'verdict = deny'

      --since MOMENT  a time ago (30m, 2h, 7d) or a time (2026-11-28T03:00Z); default: a day before the end
      --until MOMENT  default: now
      --limit NUMBER  at most so many (default: 100 events, 20 values)
      --top FIELD     how often each value of a field occurs
      --overview      by hour or minute, and by what became of them
      --csv           comma-separated values, which no spreadsheet takes for formulas

`,
  options: {
    since: { type: 'string' },
    until: { type: 'string' },
    limit: { type: 'string' },
    top: { type: 'string' },
    overview: { type: 'boolean' },
    csv: { type: 'boolean' },
  },
  run: async (call) => {
    if (call.flag('overview')) return overview(call);
    return call.option('top') === undefined ? search(call) : top(call, call.option('top') ?? '');
  },
};

/** `sallyport explain`. */
export const EXPLAIN: AdminCommand = {
  usage: `Usage: sallyport explain REQUEST_ID|ADDRESS|DECISION [--since MOMENT]

Tells everything that is stored about one request, one client or one decision: who it was and how that is known, what each stage
decided and how long it took, what was found where, what the upstream said, and what has been decided since.

      --since MOMENT  how far back to look (default: 7d)

`,
  options: { since: { type: 'string' } },
  run: explain,
};

/** Events on a page: the most that a gateway gives. */
const PAGE = 1_000;

async function search(call: AdminCall): Promise<number> {
  const limit = limitOf(call, 100);
  const events: StoredEvent[] = [];
  let cursor: string | undefined;
  for (;;) {
    const query = { ...rangeOf(call), limit: String(Math.min(PAGE, limit - events.length)), cursor };
    const outcome = await call.client.call('searchEvents', { query });
    if (outcome.kind !== 'answer') return finish(call, outcome, () => '');
    events.push(...outcome.answer.events);
    cursor = outcome.answer.next ?? undefined;
    if (cursor !== undefined && events.length < limit) continue;
    return finish(call, { kind: 'answer', answer: { ...outcome.answer, events } }, (answer) =>
      call.flag('csv') ? csv(answer) : showEvents(answer),
    );
  }
}

async function top(call: AdminCall, field: string): Promise<number> {
  const query = { ...rangeOf(call), field, limit: String(limitOf(call, 20)) };
  return finish(call, await call.client.call('topOfEvents', { query }), (answer) => showTop(field, answer));
}

async function overview(call: AdminCall): Promise<number> {
  if (call.words.length > 0) throw new UsageError('--overview takes no query');
  const query = { since: call.option('since'), until: call.option('until') };
  return finish(call, await call.client.call('overviewOfEvents', { query }), showOverview);
}

async function explain(call: AdminCall): Promise<number> {
  const [subject = '', ...rest] = call.words;
  if (subject === '' || rest.length > 0) throw new UsageError('explain takes one request id, address or decision');
  const query = {
    query: questionAbout(subject),
    since: call.option('since') ?? '7d',
    limit: String(EXPLAINED_EVENTS),
  };
  const outcome = await call.client.call('searchEvents', { query });
  if (outcome.kind !== 'answer') return finish(call, outcome, () => '');
  if (outcome.answer.events.length === 0) {
    call.io.stderr(`${printable(`nothing is stored about ${subject}; --since looks further back`)}\n`);
    return 1;
  }
  return finish(call, outcome, ({ events, gaps }) => `${events.toReversed().map(story).join('\n')}${gapsText(gaps)}`);
}

/** An address or a network is a client; everything else is the name of a request or of a decision. */
function questionAbout(subject: string): string {
  const text = JSON.stringify(subject);
  if (subject.includes('/')) return `client in ${subject} or scope = ${subject}`;
  return IpAddress.parse(subject) === undefined
    ? `requestId = ${text} or decisionId = ${text}`
    : `client = ${subject} or scope = ${subject}`;
}

/** The latest of one client: a person reads no more. */
const EXPLAINED_EVENTS = 20;

function rangeOf(call: AdminCall): { query: string; since: string | undefined; until: string | undefined } {
  return { query: call.words.join(' '), since: call.option('since'), until: call.option('until') };
}

function limitOf(call: AdminCall, usual: number): number {
  const limit = Number(call.option('limit') ?? usual);
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit takes a number from 1');
  return limit;
}

function showEvents({ events, next, gaps }: EventsAnswer): string {
  const rows = events.map((event) => [
    timeText(event),
    textOf(event, 'kind'),
    textOf(event, 'client'),
    what(event),
    textOf(event, 'status'),
    textOf(event, 'verdict') || textOf(event, 'phase'),
    [textOf(event, 'reason'), textOf(event, 'reasonDetail')].filter((text) => text !== '').join(': '),
    textOf(event, 'requestId'),
  ]);
  const more = next === null ? '' : 'there are more; --limit shows them\n';
  if (rows.length === 0) return `no such events\n${gapsText(gaps)}`;
  return `${table(['TIME', 'KIND', 'CLIENT', 'WHAT', 'STATUS', 'VERDICT', 'WHY', 'REQUEST'], rows)}${more}${gapsText(gaps)}`;
}

/** What happened, in a few words. */
function what(event: StoredEvent): string {
  if (event['kind'] === 'exchange')
    return `${textOf(event, 'method')} ${textOf(event, 'host')}${textOf(event, 'path')}`;
  return [textOf(event, 'what'), textOf(event, 'detail')].filter((text) => text !== '').join(': ');
}

const CSV_FIELDS = [
  'time',
  'kind',
  'requestId',
  'client',
  'method',
  'host',
  'path',
  'status',
  'verdict',
  'reason',
  'reasonDetail',
  'route',
  'bytesOut',
  'durationMs',
];

function csv({ events }: EventsAnswer): string {
  const rows = events.map((event) => CSV_FIELDS.map((field) => csvCell(textOf(event, field))));
  return [CSV_FIELDS, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}

function showTop(field: string, { values, events, without, isExact, gaps }: EventsTopAnswer): string {
  const rows = values.map(({ value, events: seen }) => [String(value), String(seen), share(seen, events)]);
  const rest = without === 0 ? '' : `${without} of ${events} have no ${field}\n`;
  const inexact = isExact ? '' : 'there were too many values to count each: rare ones are missing\n';
  return printableLines(`${table([field.toUpperCase(), 'EVENTS', 'SHARE'], rows)}${rest}${inexact}`) + gapsText(gaps);
}

function showOverview({ stepMs, steps, groups, total, gaps }: EventsOverviewAnswer): string {
  const most = Math.max(1, ...steps.map(({ events }) => events));
  const bars = steps.map(({ startMs, events, denied, failed }) => [
    formatTime(startMs).slice(0, 16),
    String(events),
    String(denied),
    String(failed),
    '#'.repeat(Math.ceil((events / most) * BAR_LENGTH)),
  ]);
  const rows = groups
    .slice(0, GROUPS_SHOWN)
    .map(({ kind, route, verdict, reason, statusClass, events }) => [
      kind,
      route,
      verdict,
      reason,
      statusClass === 0 ? '' : `${statusClass}xx`,
      String(events),
      share(events, total.events),
    ]);
  const step = stepMs === 60_000 ? 'MINUTE' : 'HOUR';
  return `${table([step, 'EVENTS', 'DENIED', 'FAILED', ''], bars)}\n${table(['KIND', 'ROUTE', 'VERDICT', 'REASON', 'STATUS', 'EVENTS', 'SHARE'], rows)}${gapsText(gaps)}`;
}

const BAR_LENGTH = 40;
const GROUPS_SHOWN = 20;

function share(part: number, whole: number): string {
  return whole === 0 ? '' : `${((part / whole) * 100).toFixed(1)} %`;
}

/** One event as a story, line by line. */
function story(event: StoredEvent): string {
  const lines = [`${timeText(event)}  ${what(event) || textOf(event, 'kind')}`];
  const add = (name: string, text: string): void => {
    if (text !== '') lines.push(`  ${name.padEnd(10)} ${text}`);
  };
  const evidence = textOf(event, 'evidence');
  add(
    'client',
    [textOf(event, 'client'), evidence === '' ? '' : `known by ${evidence}, peer ${textOf(event, 'peer')}`]
      .filter((text) => text !== '')
      .join(', '),
  );
  add('request', textOf(event, 'requestId'));
  add('route', [textOf(event, 'listener'), textOf(event, 'route')].filter((text) => text !== '').join(' -> '));
  add(
    'verdict',
    [
      textOf(event, 'verdict'),
      textOf(event, 'decidedBy') && `by ${textOf(event, 'decidedBy')}`,
      textOf(event, 'reason'),
      textOf(event, 'reasonDetail'),
    ]
      .filter((text) => text !== '')
      .join(', '),
  );
  add('stages', stages(event));
  for (const match of matches(event)) add('found', match);
  add(
    'upstream',
    [textOf(event, 'upstream'), textOf(event, 'upstreamServer'), ms(event, 'upstreamHeadMs', 'head after')]
      .filter((text) => text !== '')
      .join(', '),
  );
  add(
    'answer',
    [
      textOf(event, 'status'),
      ms(event, 'durationMs', 'in'),
      textOf(event, 'bytesOut') && `${textOf(event, 'bytesOut')} bytes`,
    ]
      .filter((text) => text !== '')
      .join(', '),
  );
  return printableLines(`${lines.join('\n')}\n`);
}

function stages(event: StoredEvent): string {
  const { stageUs } = event;
  if (typeof stageUs !== 'object' || stageUs === null) return '';
  return Object.entries(stageUs)
    .map(([stage, us]) => `${stage} ${String(us)} us`)
    .join(', ');
}

/** What rules found, and what would have let it through. */
function matches(event: StoredEvent): readonly string[] {
  const { inspection } = event;
  const list: unknown =
    typeof inspection === 'object' && inspection !== null ? Reflect.get(inspection, 'matches') : undefined;
  if (!Array.isArray(list)) return [];
  return list.map((match: unknown) => {
    const at = (name: string): string => textOf({ match }, `match.${name}`);
    const transformations = at('transformations');
    const read = transformations === '' ? '' : ` (read through ${transformations})`;
    const score = at('score') === '0' ? '' : `, score ${at('score')}`;
    const exclusion =
      at('exclusion') === '' ? '' : `; an exclusion of ${at('exclusion')} for rule ${at('id')} lets it through`;
    return `rule ${at('id')}: ${at('message')}; ${at('target')} was ${JSON.stringify(at('excerpt'))}${read}${score}${exclusion}`;
  });
}

function ms(event: StoredEvent, field: string, before: string): string {
  const text = textOf(event, field);
  return text === '' ? '' : `${before} ${text} ms`;
}

function textOf(event: StoredEvent, field: string): string {
  const value = valueOf(event, field);
  if (value === undefined) return '';
  return typeof value === 'object' ? value.join(' ') : String(value);
}

function timeText(event: StoredEvent): string {
  return textOf(event, 'time').replace('T', ' ');
}

function gapsText({ unreadable, outOfTimeBeforeMs }: EventGaps): string {
  const lines = unreadable.map((what) => `cannot be read: ${what}`);
  if (outOfTimeBeforeMs !== null)
    lines.push(`the time for an answer was over: nothing before ${formatTime(outOfTimeBeforeMs)} was looked at`);
  return lines.map((line) => `${printable(line)}\n`).join('');
}

/** Lines that we have broken ourselves. */
function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}
