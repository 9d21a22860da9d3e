import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatProblem } from '@sallyport/control';
import type { EarlySignals } from '../early-signals.ts';
import { type CommandIo, EXIT } from '../io.ts';
import { runUntilStopped } from '../lifetime.ts';
import { CompileThread } from '../plane/compile-thread.ts';
import type { OperationsAddress } from '../plane/control-listeners.ts';
import { firstLoad } from '../plane/first-load.ts';
import { channelOf } from '../plane/hand-over/channel.ts';
import { closeStrays, inheritedSockets } from '../plane/take-over.ts';
import { type Serving, serve } from '../serve.ts';
import { ServiceManager } from '../service-manager.ts';

const HELP = `sallyport run [-c FILE]

Runs the gateway with the configuration FILE (default: sallyport.yaml).
SIGTERM ends it: connections in progress are finished first. SIGHUP reads the configuration again; what is wrong is
logged and changes nothing. SIGUSR2 starts the program anew, for another version of it, and hands over without refusing
anybody.
`;

/** `sallyport run`. `early`: signals that come until it serves. */
export async function runGateway(args: readonly string[], io: CommandIo, early?: EarlySignals): Promise<number> {
  const options = parse(args);
  if (options === undefined) {
    io.stderr(HELP);
    return EXIT.usage;
  }
  if (options.help) {
    io.stdout(HELP);
    return 0;
  }
  const inherited = inheritedSockets(io.environment, process.pid);
  closeStrays(inherited);
  const loaded = await firstLoad({
    path: options.config,
    environment: io.environment,
    onProblem: (problem) => io.stderr(`${problem}\n`),
    compiler: new CompileThread(),
  });
  const problems = loaded.ok ? loaded.warnings : loaded.problems;
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  if (!loaded.ok) {
    io.stderr(
      `sallyport does not start: ${problems.filter(({ severity }) => severity === 'error').length} problem(s) in ${options.config}\n`,
    );
    return EXIT.config;
  }
  let serving: Serving;
  try {
    serving = await serve(loaded.config, {
      file: { path: resolve(io.cwd, options.config), environment: io.environment },
      inherited,
      predecessor: inherited.isTakingOver ? channelOf(process) : undefined,
    });
  } catch (error) {
    io.stderr(`sallyport does not start: ${startFailure(error)}\n`);
    return 1;
  }
  for (const [name, address] of serving.addresses())
    serving.log.info('listening', { listener: name, address: formatAddress(address) });
  if (serving.operations !== undefined)
    serving.log.info('serving metrics and health', { address: formatAddress(serving.operations) });
  if (serving.admin !== undefined) {
    const { socket = '', address } = serving.admin;
    const where = { socket, address: address === undefined ? '' : formatAddress(address) };
    serving.log.info('serving the admin API', where);
  }
  const manager = new ServiceManager({
    environment: io.environment,
    pid: process.pid,
    onFailure: (problem) => serving.log.warn('the service manager could not be told', { problem }),
  });
  const tellReady = (): Promise<void> => manager.ready(`listening: ${[...serving.addresses().keys()].join(', ')}`);
  // First the service manager, then the process before us: when that ends and is still the main one, the service is over.
  void tellReady().then(() => serving.tellPredecessor());
  // Whoever sits at the terminal started it. The log, which others read, never holds a link.
  const link = io.readLine === undefined ? undefined : serving.firstLink();
  if (link !== undefined) io.stderr(`\nSign in within ten minutes, once: ${link}\n\n`);
  const code = await runUntilStopped(serving, {
    onStopping: () => void manager.stopping(),
    onReloading: () => void manager.reloading(),
    onReloaded: () => void tellReady(),
    onHandedOver: () => manager.release(),
    watchedFile: loaded.config.reload.isWatched ? resolve(io.cwd, options.config) : undefined,
    environment: io.environment,
    early,
  });
  // Timers and sockets of libraries must not keep a stopped gateway alive.
  process.exit(code);
}

/** What a person needs to know of a start that failed. */
export function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code: unknown = Reflect.get(error, 'code');
  // Node.js gives the path of a socket file the port -1.
  const where = [Reflect.get(error, 'address'), Reflect.get(error, 'port')]
    .filter((part) => part !== undefined && part !== -1)
    .join(':');
  const path: unknown = Reflect.get(error, 'address');
  // Node.js reports a missing folder as a missing permission.
  if (typeof path === 'string' && path.startsWith('/') && !existsSync(dirname(path))) {
    return `the folder ${dirname(path)} for the socket file ${path} does not exist`;
  }
  if (code === 'EADDRINUSE') return `${where} is already in use by another process`;
  if (code === 'EACCES') return `${where} may not be opened by this user (ports below 1024 need CAP_NET_BIND_SERVICE)`;
  if (code === 'EADDRNOTAVAIL') return `${where} is not an address of this machine`;
  return error.message;
}

/** An address as people write it. */
export function formatAddress(address: OperationsAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function parse(args: readonly string[]): { config: string; help: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string', short: 'c', default: 'sallyport.yaml' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch {
    return undefined;
  }
}
