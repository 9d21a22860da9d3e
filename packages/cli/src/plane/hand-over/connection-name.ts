import type { ConnectionRecord } from '@sallyport/control/contract';
import type { Command } from '@sallyport/kernel';

/**
 * Ids of connections of a process that has handed over, as the process which serves shows them: `PID:ID`. Each process counts its
 * connections from the same beginning, and whoever closes one must not meet another.
 */
export function namedConnection(pid: number, record: ConnectionRecord): ConnectionRecord {
  // What is named already belongs to a process before that one.
  return record.id.includes(':') ? record : { ...record, id: `${pid}:${record.id}` };
}

/** For whom a command is, and how they know what it names. */
export interface Meant {
  readonly own: Command | undefined;
  /** For processes before us. */
  readonly others: Command | undefined;
}

export function commandFor(pid: number, command: Command): Meant {
  const { action } = command;
  if (action.kind !== 'close-connection') return { own: command, others: command };
  const prefix = `${pid}:`;
  const { connection } = action;
  if (connection.startsWith(prefix)) {
    const own = { ...command, action: { ...action, connection: connection.slice(prefix.length) } };
    return { own, others: undefined };
  }
  return connection.includes(':') ? { own: undefined, others: command } : { own: command, others: undefined };
}
