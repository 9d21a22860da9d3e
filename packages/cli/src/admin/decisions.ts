import { parseDuration } from '@sallyport/control';
import type { DecisionAnswer, DecisionRecord, DecisionsAnswer, DecisionsQuery } from '@sallyport/control/contract';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, plural, printable, table } from './print.ts';

/** `sallyport decisions`. */
export const DECISIONS: AdminCommand = {
  usage: `Usage: sallyport decisions [list] [--kind ban|allowance] [--client CLIENT] [--limit NUMBER]
       sallyport decisions add ban|allowance CLIENT --reason TEXT [--for DURATION] [--key KEY]
       sallyport decisions revoke ID

Lists the bans and allowances in force, takes one, or ends one. A CLIENT is an address or a network such as 192.0.2.0/24.

      --kind KIND     list: only these
      --client CLIENT list: what holds for an address or in a network
      --limit NUMBER  list: at most so many (default: 100)
      --reason TEXT   add: why; clients never see it
      --for DURATION  add: ends by itself, for example after 30m, 12h or 7d
      --key KEY       add: the same order with the same key is carried out once

`,
  options: {
    kind: { type: 'string' },
    client: { type: 'string' },
    limit: { type: 'string' },
    reason: { type: 'string' },
    for: { type: 'string' },
    key: { type: 'string' },
  },
  run: (call) => {
    const [verb = 'list', ...rest] = call.words;
    if (verb === 'list' && rest.length === 0) return list(call);
    if (verb === 'add' && rest.length === 2) return add(call, rest);
    if (verb === 'revoke' && rest.length === 1) return revoke(call, rest[0] ?? '');
    throw new UsageError(`there is no ${call.words.join(' ')}`);
  },
};

/** Decisions on a page: the most that a gateway gives. */
const PAGE = 1_000;

/** Fetches pages until there are enough. */
async function list(call: AdminCall): Promise<number> {
  const limit = Number(call.option('limit') ?? '100');
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit takes a number from 1');
  const kind = call.option('kind') === undefined ? undefined : kindIn(call.option('kind'));
  const decisions: DecisionRecord[] = [];
  let after: string | undefined;
  for (;;) {
    const query: DecisionsQuery = {
      kind,
      client: call.option('client'),
      after,
      limit: String(Math.min(PAGE, limit - decisions.length)),
    };
    const outcome = await call.client.call('listDecisions', { query });
    if (outcome.kind !== 'answer') return finish(call, outcome, () => '');
    decisions.push(...outcome.answer.decisions);
    after = outcome.answer.next ?? undefined;
    if (after !== undefined && decisions.length < limit) continue;
    return finish(call, { kind: 'answer', answer: { ...outcome.answer, decisions } }, showDecisions);
  }
}

async function add(call: AdminCall, [kindText, client = '']: readonly string[]): Promise<number> {
  const reason = call.option('reason');
  if (reason === undefined) throw new UsageError('--reason is missing');
  const duration = call.option('for');
  const ms = duration === undefined ? undefined : parseDuration(duration);
  if (duration !== undefined && (ms === undefined || ms < 1_000)) {
    throw new UsageError('--for takes a duration such as 30m, 12h or 7d');
  }
  const key = call.option('key');
  const body = {
    kind: kindIn(kindText),
    scope: { kind: client.includes('/') ? ('network' as const) : ('address' as const), value: client },
    reason,
    ...(key === undefined ? {} : { key }),
    ...(ms === undefined ? {} : { seconds: Math.ceil(ms / 1_000) }),
  };
  return finish(call, await call.client.call('takeDecision', { body }), showTaken);
}

async function revoke(call: AdminCall, id: string): Promise<number> {
  if (!/^[A-Za-z0-9._:-]{1,64}$/.test(id)) throw new UsageError(`${id} is not the id of a decision`);
  return finish(call, await call.client.call('revokeDecision', { id }), ({ confirmed: { workers, of } }) =>
    printable(`ended in ${workers} of ${plural(of, 'worker')}`).concat('\n'),
  );
}

function kindIn(text: string | undefined): 'ban' | 'allowance' {
  if (text === 'ban' || text === 'allowance') return text;
  throw new UsageError(`${text ?? ''} is neither ban nor allowance`);
}

function showTaken({ decision, isRepeat, confirmed }: DecisionAnswer): string {
  const { workers, of } = confirmed;
  const what = isRepeat ? 'was in force already' : 'is in force';
  const end = decision.endsMs === null ? 'until it is revoked' : `until ${formatTime(decision.endsMs)}`;
  const line = `${decision.kind} of ${decision.scope.value} ${what} ${end}, in ${workers} of ${plural(of, 'worker')}: ${decision.id}`;
  return `${printable(line)}\n`;
}

function showDecisions({ total, decisions }: DecisionsAnswer): string {
  const rows = decisions.map(({ id, kind, scope, createdMs, endsMs, author, reason }) => [
    id,
    kind,
    scope.value,
    formatTime(createdMs),
    endsMs === null ? '-' : formatTime(endsMs),
    author,
    reason,
  ]);
  const rest = total > decisions.length ? `${decisions.length} of ${total}\n` : '';
  return `${table(['ID', 'KIND', 'CLIENT', 'SINCE', 'UNTIL', 'AUTHOR', 'REASON'], rows)}${rest}`;
}
