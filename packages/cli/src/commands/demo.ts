import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createArena } from '@sallyport/arena';
import { formatProblem, loadConfig, machineFiles, textFiles } from '@sallyport/control';
import { type CommandIo, EXIT } from '../io.ts';
import { runUntilStopped } from '../lifetime.ts';
import { type Serving, serve } from '../serve.ts';
import { startFailure } from './run.ts';

const HELP = `sallyport demo [--port 8080] [--operations-port 8081] [--rules FOLDER]

Runs a small multiplayer game behind the gateway, on this machine only. What attacks look like is said by the built-in
rules, or by those in FOLDER, for example a release of the OWASP CRS.
`;

/** `sallyport demo`: the arena behind the gateway, and what to try. */
export async function runDemo(args: readonly string[], io: CommandIo): Promise<number> {
  const ports = parse(args);
  if (ports === undefined) {
    io.stderr(HELP);
    return EXIT.usage;
  }
  const arena = createArena({ host: '127.0.0.1', port: 0 });
  await arena.listen();
  const { address } = arena;
  if (address?.kind !== 'tcp') throw new Error('the arena did not start');
  const logFile = join(tmpdir(), `sallyport-demo-${process.pid}.log`);
  const text = configuration({ ...ports, arenaPort: address.port, logFile });
  const path = resolve('demo.yaml');
  const loaded = loadConfig({ path, environment: {}, files: textFiles(new Map([[path, text]]), machineFiles) });
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.stderr(`${formatProblem(problem)}\n`);
    return 1;
  }
  let serving: Serving;
  try {
    serving = await serve(loaded.config, { onLine: screen(io) });
  } catch (error) {
    io.stderr(
      `the demo does not start: ${startFailure(error)}\n  another port: npm start -- --port 9080 --operations-port 9081\n`,
    );
    await arena.close();
    return 1;
  }
  io.stdout(welcome(ports, logFile));
  const code = await runUntilStopped(serving);
  await arena.close();
  process.exit(code);
}

interface Ports {
  readonly port: string;
  readonly operationsPort: string;
  /** A folder of rules; undefined: the built-in ones. */
  readonly rules: string | undefined;
}

/** The demo's configuration is one that a user could have written. */
function configuration({
  port,
  operationsPort,
  rules,
  arenaPort,
  logFile,
}: Ports & { arenaPort: number; logFile: string }): string {
  return `version: 1
mode: development
listeners:
  - name: public
    address: 127.0.0.1:${port}
upstreams:
  arena:
    servers: [http://127.0.0.1:${arenaPort}]
routes:
  - name: game
    match: { path: / }
    upstream: arena
    profile: game
    request: { methods: [GET, HEAD] }
  - name: api
    match: { path: /api }
    upstream: arena
    profile: api
    request: { methods: [GET, HEAD, POST], contentTypes: [application/json], bodyMax: 4KB }
${rules === undefined ? '' : `waf: { rules: [${JSON.stringify(resolve(rules))}] }\n`}drain: { deadline: 2s, webSocketSpread: 0s }
workers: { count: 1 }
operations:
  address: 127.0.0.1:${operationsPort}
log:
  destination: { file: ${JSON.stringify(logFile)} }
`;
}

function welcome({ port, operationsPort }: Ports, logFile: string): string {
  const url = `http://127.0.0.1:${port}`;
  return `
  Sallyport is running, with a small game behind it. Three things to try:

  1. Play:        open ${url}/ in two browser windows
  2. Break in:    curl -i '${url}/api/leaderboard?name=%27%20UNION%20SELECT%20password%20FROM%20users--%20-'
  3. Sneak past:  curl -i -H 'X_Forwarded_For: 127.0.0.1' ${url}/api/leaderboard

  What is refused appears below, with its reason. Metrics: http://127.0.0.1:${operationsPort}/metrics
  Every request: ${logFile}
  Ctrl-C ends the demo.

`;
}

/** Shows what was refused, one line each. */
function screen(io: CommandIo): (line: string) => void {
  return (text) => {
    const line = parseLine(text);
    const shown = describe(line);
    if (shown !== undefined) io.stdout(`  ${line.time.slice(11, 19)}  ${shown}\n`);
  };
}

/** What the screen needs of a line of the log. */
interface ShownLine {
  readonly time: string;
  readonly kind: string;
  readonly of: (name: string) => string;
}

function parseLine(text: string): ShownLine {
  const fields: unknown = JSON.parse(text);
  const of = (name: string): string => {
    const value: unknown = typeof fields === 'object' && fields !== null ? Reflect.get(fields, name) : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  return { time: of('time'), kind: of('kind'), of };
}

/** Paths were normalised by the gateway: nothing in them can move a terminal's cursor. */
function describe({ kind, of }: ShownLine): string | undefined {
  if (kind === 'exchange') {
    if (of('verdict') === 'pass' || of('reason') === 'CLIENT_CLOSED') return undefined;
    const what = `${of('method')} ${of('path')}`.trim();
    const detail = of('reasonDetail');
    return `refused ${of('status')} ${of('reason')}${detail === '' ? '' : ` (${printable(detail)})`}: ${what} from ${of('client')}, decided by ${of('decidedBy')}`;
  }
  if (kind !== 'connection') return undefined;
  if (of('phase') === 'open') return `a player connected from ${of('client')}`;
  if (of('phase') === 'close') return `a player left (code ${of('closeCode')}, ended by ${of('closedBy')})`;
  return undefined;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}

function parse(args: readonly string[]): Ports | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: '8080' },
        'operations-port': { type: 'string', default: '8081' },
        rules: { type: 'string' },
      },
    });
    const ports = [values.port, values['operations-port']];
    if (!ports.every((port) => /^[0-9]{1,5}$/.test(port))) return undefined;
    return { port: values.port, operationsPort: values['operations-port'], rules: values.rules };
  } catch {
    return undefined;
  }
}
