import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SALLYPORT = fileURLToPath(new URL('../../packages/cli/bin/sallyport.cjs', import.meta.url));

/** One line of the gateway's log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** A gateway process that only looks, with every rule at the highest paranoia level. */
export class SuiteGateway {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #lines: LogLine[];
  readonly #exited: Promise<void>;

  private constructor(parts: {
    port: number;
    child: ChildProcess;
    folder: string;
    lines: LogLine[];
    exited: Promise<void>;
  }) {
    this.port = parts.port;
    this.#child = parts.child;
    this.#folder = parts.folder;
    this.#lines = parts.lines;
    this.#exited = parts.exited;
  }

  /** @throws Error when it does not start. */
  static async start(rulesFolder: string, upstreamPort: number): Promise<SuiteGateway> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-crs-http-'));
    writeFileSync(join(folder, 'test.conf'), TEST_RULES);
    writeFileSync(join(folder, 'sallyport.yaml'), configuration(rulesFolder, upstreamPort));
    const child = spawn(process.execPath, [SALLYPORT, 'run', '-c', join(folder, 'sallyport.yaml')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    const lines: LogLine[] = [];
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const port = await new Promise<number>((resolve, reject) => {
      void exited.then(() => reject(new Error('the gateway did not start')));
      let rest = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n');
        rest = parts.pop() ?? '';
        for (const part of parts) {
          const line: unknown = JSON.parse(part);
          if (typeof line !== 'object' || line === null) continue;
          const fields: LogLine = { ...line };
          lines.push(fields);
          if (fields['msg'] === 'listening') resolve(Number(String(fields['address']).split(':').at(-1)));
        }
      });
    });
    return new SuiteGateway({ port, child, folder, lines, exited });
  }

  /** Ends it, and answers everything it wrote. */
  async stop(): Promise<readonly LogLine[]> {
    this.#child.kill('SIGTERM');
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true });
    return this.#lines;
  }
}

/** The suite's own rules: its values, and the marker that tells in the log where a test begins. */
const TEST_RULES = `
SecAction "id:900005,phase:1,nolog,pass,\\
  setvar:tx.blocking_paranoia_level=4,\\
  setvar:tx.crs_validate_utf8_encoding=1,\\
  setvar:tx.arg_name_length=100,\\
  setvar:tx.arg_length=400,\\
  setvar:tx.total_arg_length=64000,\\
  setvar:tx.max_num_args=255,\\
  setvar:tx.max_file_size=64100,\\
  setvar:tx.combined_file_sizes=65535"
SecRule REQUEST_HEADERS:X-CRS-Test "@rx ^.*$" "id:999999,phase:1,pass,log,t:none,\\
  msg:'X-CRS-Test %{MATCHED_VAR}',ctl:ruleRemoveById=1-999999"
`;

/**
 * Everything that the gateway can let pass, passes: the suite is about rules. One worker: the log of several is not in the
 * order in which requests were sent, and markers could not tell whose a line is.
 */
function configuration(rulesFolder: string, upstreamPort: number): string {
  return `version: 1
mode: development
observe: true
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: { servers: ["http://127.0.0.1:${upstreamPort}"], retries: { attempts: 1 } } }
routes:
  - name: all
    upstream: app
    profile: api
    request:
      bodyOnGet: true
      encodedSlash: true
      headerMax: 64KB
      headerCountMax: 200
      targetMax: 64KB
      bodyMax: 16MB
connections: { headerMax: 64KB }
waf:
  mode: detect
  rules: [test.conf, ${JSON.stringify(rulesFolder)}]
  response: { inspect: true, window: 512KB, bodyMax: 512KB }
workers: { count: 1 }
operations: false
`;
}
