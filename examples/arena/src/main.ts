import { parseArgs } from 'node:util';
import { type Arena, type ArenaOptions, createArena } from './index.ts';

const USAGE = `usage: node examples/arena/src/main.ts [options]

  --port N                  TCP port, default 3000
  --host ADDRESS            address to listen on, default 127.0.0.1
  --socket PATH             listen on a Unix socket in place of TCP
  --tick-rate N             steps and snapshots a second, 1 to 60, default 20
  --players-max N           players in all rooms, 1 to 10000, default 200
  --room-players-max N      players in one room, 1 to 200, default 50
  --help                    this text
`;
/** EX_CONFIG of sysexits.h: a restart without a change will not help. */
const EXIT_CONFIG = 78;

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const arena = prepare(args);
  if (!arena) return;
  const address = await arena.listen().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
    return null;
  });
  if (!address) return;
  const where = address.kind === 'unix' ? address.path : `http://${bracketed(address.host)}:${address.port}`;
  process.stdout.write(`The arena listens on ${where}\n`);
  // A second signal ends the process at once: `once` leaves the default in place.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void arena.close());
}

function prepare(args: readonly string[]): Arena | null {
  try {
    const options = parseOptions(args);
    if (options) return createArena(options);
    process.stdout.write(USAGE);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = EXIT_CONFIG;
  }
  return null;
}

/** Null where the user asked for help. */
function parseOptions(args: readonly string[]): ArenaOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string', default: '3000' },
      host: { type: 'string', default: '127.0.0.1' },
      socket: { type: 'string' },
      'tick-rate': { type: 'string', default: '20' },
      'players-max': { type: 'string', default: '200' },
      'room-players-max': { type: 'string', default: '50' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    host: values.host,
    port: integer('--port', values.port),
    ...(values.socket === undefined ? {} : { socketPath: values.socket }),
    tickRateHz: integer('--tick-rate', values['tick-rate']),
    playersMax: integer('--players-max', values['players-max']),
    roomPlayersMax: integer('--room-players-max', values['room-players-max']),
  };
}

function integer(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new RangeError(`${option} "${text}" is not an integer`);
  return Number(text);
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
