import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Exposition, parseExposition } from './exposition.ts';
import { httpRequest } from './http-client.ts';
import { type Ending, Program, temporaryFolder } from './program.ts';
import { eventually, type Scope } from './scope.ts';

/** The command as a user has it. */
export const SALLYPORT: string = fileURLToPath(new URL('../../packages/cli/bin/sallyport.cjs', import.meta.url));

export interface GatewayOptions {
  /**
   * The configuration, without `operations`. Listeners on port 0 take a free one; events go to standard output, where the
   * harness reads them.
   */
  readonly yaml: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** The script to run. Default: the one of this workspace. */
  readonly script?: string;
  /** Most file descriptors that it may open. Default: as many as we. */
  readonly filesMax?: number;
  /** Listening sockets of ours that it gets as a service manager would hand them over, by listener. */
  readonly activation?: ReadonlyMap<string, number>;
  /** Where the configuration is written. Default: a folder of its own. */
  readonly directory?: string;
}

/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A gateway process, started as a user starts it. */
export class GatewayProcess {
  readonly program: Program;
  readonly directory: string;
  readonly #addresses: ReadonlyMap<string, string>;
  readonly #operations: string;
  #parsed: LogLine[] = [];

  private constructor(program: Program, directory: string, addresses: ReadonlyMap<string, string>, operations: string) {
    this.program = program;
    this.directory = directory;
    this.#addresses = addresses;
    this.#operations = operations;
  }

  /** Starts one and waits until it says that it is ready. @throws Error with what it wrote. */
  static async start(scope: Scope, options: GatewayOptions): Promise<GatewayProcess> {
    const directory = options.directory ?? temporaryFolder(scope);
    const file = join(directory, 'sallyport.yaml');
    // Most tests look at what is carried. Those about rules name them: a body that rules want to see is held until it is whole.
    const rules = /^\s*-?.*\bwaf:/m.test(options.yaml) ? '' : 'waf: { mode: off }\n';
    writeFileSync(file, `${options.yaml.trimEnd()}\n${rules}operations: { address: "127.0.0.1:0" }\n`);
    const limit = options.filesMax === undefined ? [] : ['prlimit', `--nofile=${options.filesMax}:${options.filesMax}`];
    const { activation = new Map<string, number>() } = options;
    // Sockets are for the process whose number the environment names, and which it becomes.
    const activated = activation.size === 0 ? [] : ['sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh'];
    const names = { LISTEN_FDS: String(activation.size), LISTEN_FDNAMES: [...activation.keys()].join(':') };
    const [command, ...args] = [
      ...activated,
      ...limit,
      process.execPath,
      options.script ?? SALLYPORT,
      'run',
      '-c',
      file,
    ];
    const program = Program.start(scope, {
      command,
      arguments: args,
      directory,
      environment: { ...options.environment, ...(activation.size === 0 ? {} : names) },
      descriptors: [...activation.values()],
    });
    const operations = await program.until('where its metrics are', () =>
      addressIn(program.lines.map(parseLine).find(({ msg }) => msg === 'serving metrics and health')),
    );
    const listening = program.lines.map(parseLine).filter(({ msg }) => msg === 'listening');
    const addresses = new Map(listening.map((line) => [String(line['listener']), addressIn(line) ?? '']));
    const gateway = new GatewayProcess(program, directory, addresses, operations);
    await eventually('readiness', async () => ((await gateway.readiness()).status === 200 ? true : undefined));
    return gateway;
  }

  get pid(): number {
    return this.program.pid;
  }

  /** `HOST:PORT`, or `unix:PATH`. */
  address(listener: string): string {
    const address = this.#addresses.get(listener);
    if (address === undefined) throw new Error(`there is no listener ${listener}`);
    return address;
  }

  port(listener = 'public'): number {
    return Number(this.address(listener).split(':').at(-1));
  }

  /** `http://HOST:PORT` followed by `path`. */
  url(path = '', listener = 'public'): string {
    return `http://${this.address(listener)}${path}`;
  }

  webSocketUrl(path: string, listener = 'public'): string {
    return `ws://${this.address(listener)}${path}`;
  }

  /** The lines it has written so far. They come in batches: wait with `logged` for one that must come. */
  log(): readonly LogLine[] {
    for (const line of this.program.lines.slice(this.#parsed.length)) this.#parsed.push(parseLine(line));
    return this.#parsed;
  }

  /** The first line that has all these fields. */
  logged(fields: LogLine): Promise<LogLine> {
    return this.program.until(`a line with ${JSON.stringify(fields)}`, () =>
      this.log().find((line) => Object.entries(fields).every(([name, value]) => line[name] === value)),
    );
  }

  /** One of /metrics, /livez and /readyz. */
  async operations(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const { status, body } = await httpRequest(`http://${this.#operations}${path}`);
    return { status, text: body.toString('utf8') };
  }

  readiness(): Promise<{ readonly status: number; readonly text: string }> {
    return this.operations('/readyz');
  }

  async metrics(): Promise<Exposition> {
    return parseExposition((await this.operations('/metrics')).text);
  }

  stop(): Promise<Ending> {
    return this.program.stop();
  }
}

/** A line of the log. @throws SyntaxError for one that is not JSON. */
function parseLine(text: string): LogLine & { readonly msg?: unknown } {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) throw new SyntaxError(`not a line of the log: ${text}`);
  return { ...value };
}

function addressIn(line: LogLine | undefined): string | undefined {
  const address = line?.['address'];
  return typeof address === 'string' ? address : undefined;
}
