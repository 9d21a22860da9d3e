import { randomUUID } from 'node:crypto';
import type { CommandAnswer, CommandOrder, ConnectionsAnswer } from '@sallyport/control/contract';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, plural, printable, table } from './print.ts';

/** `sallyport drain`. */
export const DRAIN: AdminCommand = {
  usage: `Usage: sallyport drain [options]

Has the gateway finish what is in progress and stop, as SIGTERM does.
`,
  run: (call) => {
    if (call.words.length > 0) throw new UsageError(`there is no ${call.words.join(' ')}`);
    return give(
      call,
      { kind: 'drain' },
      ({ confirmed: { workers, of } }) => `draining: ${workers} of ${plural(of, 'worker')}`,
    );
  },
};

/** `sallyport connections`. */
export const CONNECTIONS: AdminCommand = {
  usage: `Usage: sallyport connections [list] [--client CLIENT] [--kind http|websocket] [--limit NUMBER]
       sallyport connections close ID --reason TEXT
       sallyport connections close --client CLIENT --reason TEXT

Lists what is open, or ends one connection or all of a client. A CLIENT is an address or a network such as 192.0.2.0/24.

      --client CLIENT of an address or in a network
      --kind KIND     list: only these
      --limit NUMBER  list: at most so many, up to 1000 (default: 100)
      --reason TEXT   close: why

`,
  options: {
    client: { type: 'string' },
    kind: { type: 'string' },
    limit: { type: 'string' },
    reason: { type: 'string' },
  },
  run: async (call) => {
    const [verb = 'list', ...rest] = call.words;
    if (verb === 'list' && rest.length === 0) return list(call);
    if (verb === 'close' && rest.length <= 1) return close(call, rest[0]);
    throw new UsageError(`there is no ${call.words.join(' ')}`);
  },
};

/** `sallyport attack-level`. */
export const ATTACK_LEVEL: AdminCommand = {
  usage: `Usage: sallyport attack-level LEVEL [options]

Sets how defensive the gateway is, from 0 (calm) to 3.
`,
  run: (call) => {
    const [level = '', ...rest] = call.words;
    if (!/^[0-3]$/.test(level) || rest.length > 0) throw new UsageError('LEVEL is a number from 0 to 3');
    return give(
      call,
      { kind: 'set-attack-level', level: Number(level) },
      ({ confirmed: { workers, of } }) => `attack level ${level} in ${workers} of ${plural(of, 'worker')}`,
    );
  },
};

async function list(call: AdminCall): Promise<number> {
  const query = { kind: kindIn(call.option('kind')), client: call.option('client'), limit: call.option('limit') };
  return finish(call, await call.client.call('listConnections', { query }), showConnections);
}

function kindIn(text: string | undefined): 'http' | 'websocket' | undefined {
  if (text === undefined || text === 'http' || text === 'websocket') return text;
  throw new UsageError('--kind takes http or websocket');
}

function close(call: AdminCall, connection: string | undefined): Promise<number> {
  const [client, reason] = [call.option('client'), call.option('reason')];
  if (reason === undefined) throw new UsageError('--reason is missing');
  const show = ({ acks }: CommandAnswer): string =>
    `closed ${plural(
      acks.reduce((sum, { closed }) => sum + closed, 0),
      'connection',
    )}`;
  if (connection !== undefined && client === undefined) {
    return give(call, { kind: 'close-connection', connection, reason }, show);
  }
  if (connection === undefined && client !== undefined)
    return give(call, { kind: 'close-client', client, reason }, show);
  throw new UsageError('close takes either the id of a connection or --client');
}

async function give(
  call: AdminCall,
  action: CommandOrder['action'],
  show: (answer: CommandAnswer) => string,
): Promise<number> {
  const body = { id: randomUUID(), action };
  const outcome = await call.client.call('giveCommand', { body });
  return finish(call, outcome, (answer) => `${printable(show(answer))}\n`);
}

function showConnections({ total, connections }: ConnectionsAnswer): string {
  const rows = connections.map((one) => [
    one.id,
    one.kind,
    one.client,
    one.listener,
    one.route || '-',
    String(one.worker),
    formatTime(one.openedMs),
    String(one.bytesIn),
    String(one.bytesOut),
  ]);
  const head = ['ID', 'KIND', 'CLIENT', 'LISTENER', 'ROUTE', 'WORKER', 'SINCE', 'IN', 'OUT'];
  return `${table(head, rows)}${total > connections.length ? `${connections.length} of ${total}\n` : ''}`;
}
