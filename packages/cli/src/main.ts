import { isatty } from 'node:tty';
import { EarlySignals } from './early-signals.ts';
import { readEnvironment } from './environment.ts';
import { type CommandIo, EXIT } from './io.ts';

/**
 * The `sallyport` command. `args` are what follows its name; the answer is the exit code: 0 done, 1 failed, 64 wrong usage,
 * 78 wrong configuration, and others of sysexits.h as {@link EXIT} has them.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name = 'help', ...rest] = args;
  const io = processIo();
  switch (name) {
    case 'run': {
      const early = new EarlySignals();
      return (await import('./commands/run.ts')).runGateway(rest, io, early);
    }
    case 'check':
      return (await import('./commands/check.ts')).runCheck(rest, io);
    case 'health':
      return (await import('./commands/health.ts')).runHealth(rest, io);
    case 'init':
      return (await import('./commands/init.ts')).runInit(rest, io);
    case 'demo':
      return (await import('./commands/demo.ts')).runDemo(rest, io);
    case 'rules':
      return (await import('./commands/rules.ts')).runRules(rest, io);
    case 'version':
    case '--version':
      io.stdout(`${(await import('./version.ts')).VERSION}\n`);
      return 0;
    case 'help':
    case '--help':
    case '-h':
      io.stdout(HELP);
      return 0;
    default:
      return askGateway(name, rest, io);
  }
}

/** Everything else is asked of a running gateway. */
async function askGateway(name: string, args: readonly string[], io: CommandIo): Promise<number> {
  const { ADMIN_COMMANDS } = await import('./admin/all.ts');
  const command = ADMIN_COMMANDS.get(name);
  if (command !== undefined) return (await import('./admin/command.ts')).runAdminCommand(command, args, io);
  io.stderr(`sallyport: there is no command ${JSON.stringify(name)}\n\n${HELP}`);
  return EXIT.usage;
}

const HELP = `Sallyport, the security gateway for real-time applications.

  sallyport init     write a first configuration (asks, or takes flags: --help)
  sallyport check    say everything that is wrong with a configuration
  sallyport run      run the gateway
  sallyport health   ask a running gateway how it is
  sallyport rules    install, list and test rules for request inspection
  sallyport demo     a small game behind the gateway, on this machine
  sallyport version

Of a running gateway:

  sallyport status         how it is doing
  sallyport reload         have it read its configuration again
  sallyport policies       what was published: history, differences, rollback
  sallyport decisions      bans and allowances
  sallyport audit          what administrators did, and whether that record is whole
  sallyport connections    what is open, and ending it
  sallyport workers        its threads
  sallyport attack-level   how defensive it is
  sallyport drain          have it finish and stop
  sallyport admin link     a link that signs an administrator in

Each command says more with --help.
`;

/** The process as commands see it. A question is asked only where somebody can answer. */
function processIo(): CommandIo {
  const io: CommandIo = {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    environment: readEnvironment(),
    cwd: process.cwd(),
  };
  // Asking for `process.stdin` itself would make a stream that a gateway never reads.
  if (!isatty(STANDARD_INPUT) || !isatty(STANDARD_OUTPUT)) return io;
  return { ...io, readLine: ask };
}

const STANDARD_INPUT = 0;
const STANDARD_OUTPUT = 1;

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

/** Not awaited at the top level: what the command requires must not wait there. */
async function runAlone(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2));
}

if (import.meta.main) void runAlone();
