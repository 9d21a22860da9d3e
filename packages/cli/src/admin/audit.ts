import type { AuditAnswer, AuditVerificationAnswer } from '@sallyport/control/contract';
import { EXIT } from '../io.ts';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, printable, table } from './print.ts';

/** `sallyport audit`. */
export const AUDIT: AdminCommand = {
  usage: `Usage: sallyport audit list [--after NUMBER] [--limit NUMBER]
       sallyport audit verify [--head NUMBER:HASH]

Lists what administrators did, the oldest first, or checks that nothing of that record was changed or taken out.

      --after NUMBER  list: only entries behind this one
      --limit NUMBER  list: at most so many, up to 1000 (default: 100)
      --head HEAD     verify: a number and hash that the gateway's log has shown; finds an end that was cut off

`,
  options: { after: { type: 'string' }, limit: { type: 'string' }, head: { type: 'string' } },
  run: async (call) => {
    const [verb = '', ...rest] = call.words;
    if (verb === 'list' && rest.length === 0) {
      const query = { after: call.option('after'), limit: call.option('limit') };
      return finish(call, await call.client.call('listAudit', { query }), showEntries);
    }
    if (verb === 'verify' && rest.length === 0) return verify(call, headIn(call.option('head')));
    throw new UsageError(verb === '' ? 'audit needs list or verify' : `there is no ${call.words.join(' ')}`);
  },
};

interface Head {
  readonly sequence: number;
  readonly hash: string;
}

/** One page after the other: no single call takes long, and decisions are stored in between. */
async function verify(call: AdminCall, kept: Head | undefined): Promise<number> {
  let checked = 0;
  let after = 0;
  for (;;) {
    const outcome = await call.client.call('verifyAudit', { query: { after: String(after) } });
    if (outcome.kind !== 'answer') return finish(call, outcome, () => '');
    const { answer } = outcome;
    checked += answer.checked;
    if (answer.next !== null) {
      after = answer.next;
      continue;
    }
    const problem = answer.problem ?? (kept === undefined ? null : await missing(call, kept));
    const whole = { ...answer, checked, problem };
    const code = finish(call, { kind: 'answer', answer: whole }, showVerification);
    return problem === null ? code : EXIT.failed;
  }
}

/** What is wrong when a head that was kept elsewhere is not in the log; null: it is. */
async function missing(call: AdminCall, { sequence, hash }: Head): Promise<string | null> {
  const query = { after: String(sequence - 1), limit: '1' };
  const outcome = await call.client.call('listAudit', { query });
  if (outcome.kind !== 'answer') return `entry ${sequence} cannot be read`;
  const [entry] = outcome.answer.entries;
  if (entry === undefined) return `the log ends before entry ${sequence}: its end was cut off`;
  if (entry.sequence > sequence) return null;
  return entry.hash === hash ? null : `entry ${sequence} is another one than the log has shown`;
}

function headIn(text: string | undefined): Head | undefined {
  if (text === undefined) return undefined;
  const [, sequence, hash] = /^([1-9][0-9]{0,14}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (sequence === undefined || hash === undefined) throw new UsageError('--head takes NUMBER:HASH');
  return { sequence: Number(sequence), hash };
}

function showVerification({ checked, problem, head }: AuditVerificationAnswer): string {
  const entries = `${checked} ${checked === 1 ? 'entry' : 'entries'} checked`;
  if (problem !== null) return `${printable(`NOT WHOLE: ${problem} (${entries})`)}\n`;
  const end = head.sequence === 0 ? '' : `; its head is ${head.sequence}:${head.hash}`;
  return `${printable(`whole: ${entries}${end}`)}\n`;
}

function showEntries({ entries, next }: AuditAnswer): string {
  const rows = entries.map(({ sequence, timeMs, author, operation, result, detail }) => [
    String(sequence),
    formatTime(timeMs),
    author === '' ? '-' : author,
    operation,
    result,
    detail,
  ]);
  const more = next === null ? '' : `more: sallyport audit list --after ${next}\n`;
  return `${table(['NUMBER', 'TIME', 'AUTHOR', 'OPERATION', 'RESULT', 'WHAT'], rows)}${more}`;
}
