import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AdminClient } from '../../../packages/control/src/index.ts';
import type { Random } from '../regex/random-pattern.ts';
import type { Ledger, StoredRow } from './ledger.ts';

export interface Load {
  readonly directory: string;
  readonly random: Random;
  readonly isOver: () => boolean;
  readonly name: string;
}

/** One administrator, who does not wait. */
export async function order(ledger: Ledger, { directory, random, isOver, name }: Load): Promise<void> {
  const client = new AdminClient({ socket: join(directory, 'admin.sock'), author: 'campaign' });
  for (let index = 0; !isOver(); index += 1) {
    if (random.isOneIn(3)) await revoke(ledger, client, random);
    else await take(ledger, client, { key: `k${name}-${index}`, random });
  }
}

async function take(
  ledger: Ledger,
  client: AdminClient,
  { key, random }: { readonly key: string; readonly random: Random },
): Promise<void> {
  const scope = { kind: 'address', value: `198.51.100.${random.below(256)}` } as const;
  const seconds = random.isOneIn(2) ? { seconds: 86_400 + random.below(86_400) } : {};
  ledger.send(key);
  const outcome = await client.call('takeDecision', { body: { kind: 'ban', scope, reason: key, ...seconds } });
  if (outcome.kind === 'answer') ledger.acknowledge(key, outcome.answer.decision.id, outcome.answer.decision.endsMs);
}

async function revoke(ledger: Ledger, client: AdminClient, random: Random): Promise<void> {
  const chosen = ledger.toRevoke((below) => random.below(below));
  if (chosen === undefined) return;
  const outcome = await client.call('revokeDecision', { id: chosen.id });
  if (outcome.kind === 'answer') ledger.acknowledgeRevocation(chosen.key);
  // A gateway that is gone is no answer; one that knows no such decision has lost it.
  else if (outcome.kind === 'problem') ledger.failures.push(`decision ${chosen.key}: ${outcome.problem.code}`);
}

/** Looks at what the gateway that has just started has; answers how many entries the audit log has. */
export async function checkState(
  ledger: Ledger,
  { directory, kills }: { readonly directory: string; readonly kills: number },
): Promise<number> {
  ledger.compare(storedIn(join(directory, 'state', 'state.db'), ledger), kills);
  const client = new AdminClient({ socket: join(directory, 'admin.sock'), author: 'campaign' });
  const details: string[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const query: { after: string; limit: string } = { after: String(after), limit: '1000' };
    const verified = await client.call('verifyAudit', { query });
    const listed = await client.call('listAudit', { query });
    if (verified.kind !== 'answer' || listed.kind !== 'answer') {
      ledger.failures.push(`after kill ${kills}: the audit log cannot be read`);
      return details.length;
    }
    if (verified.answer.problem !== null) ledger.failures.push(`after kill ${kills}: ${verified.answer.problem}`);
    details.push(...listed.answer.entries.map(({ detail }) => detail));
    after = verified.answer.next;
  }
  ledger.compareAudit(details, kills);
  return details.length;
}

function storedIn(path: string, ledger: Ledger): readonly StoredRow[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const found = database.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
  if (found !== 'ok') ledger.failures.push(`SQLite finds: ${String(found)}`);
  const rows = database
    .prepare("SELECT id, decision ->> 'reason' AS key, ends_ms AS ends FROM decisions ORDER BY sequence")
    .all();
  database.close();
  return rows.map(({ id, key, ends }) => ({
    id: String(id),
    key: String(key),
    endsMs: ends === null || ends === undefined ? null : Number(ends),
  }));
}
