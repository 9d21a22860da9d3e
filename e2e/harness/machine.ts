import { existsSync, mkdirSync, readdirSync, realpathSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Finished, Program, run, temporaryFolder } from './program.ts';
import { childOf } from './sandbox.ts';
import { eventually, type Scope } from './scope.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The number of the service's user on it. */
const USER = 64_971;

/** Where the machine's groups of processes hang, in the unified hierarchy of this one. */
const GROUPS = existsSync('/sys/fs/cgroup/unified') ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup';

/**
 * A machine whose service manager is systemd, with the units of deploy/systemd and nothing else on it. It has a file system,
 * processes and groups of its own, and shares our network. Needs root.
 */
export class Machine {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /** `configuration` is its /etc/sallyport/sallyport.yaml. @throws Error with what it wrote, when it does not come up. */
  static async start(scope: Scope, configuration: string): Promise<Machine> {
    const house = temporaryFolder(scope);
    mkdirSync(join(house, 'etc/sallyport'), { recursive: true });
    writeFileSync(join(house, 'etc/sallyport/sallyport.yaml'), configuration);
    writeFileSync(join(house, 'etc/passwd'), `root:x:0:0::/:/bin/sh\nsallyport:x:${USER}:${USER}::/:/bin/false\n`);
    writeFileSync(join(house, 'etc/group'), `root:x:0:\nsallyport:x:${USER}:\n`);
    writeFileSync(join(house, 'etc/machine-id'), '');
    const group = join(GROUPS, `sallyport-${process.pid}`);
    mkdirSync(group);
    scope.after(async () => void (await eventually('the end of its processes', () => removeGroup(group))));
    const namespaces = ['--mount', '--pid', '--fork', '--cgroup', '--ipc', '--uts', '--kill-child'];
    const paths = [house, realpathSync(process.execPath), ROOT.replace(/\/$/, ''), join(ROOT, 'deploy/systemd')];
    const unshare = [...namespaces, 'sh', join(ROOT, 'e2e/harness/machine.sh'), ...paths];
    const script = 'echo $$ >"$0/cgroup.procs"; exec unshare "$@"';
    const program = Program.start(scope, { command: 'sh', arguments: ['-c', script, group, ...unshare] });
    const pid = await eventually('its first process', () => childOf(program.pid));
    const machine = new Machine(pid);
    const isUp = async (): Promise<true | undefined> => {
      if (program.ending !== undefined) throw new Error(`the machine did not come up\n${program.stderr}`);
      return (await machine.systemctl(scope, 'is-active', 'basic.target')).code === 0 ? true : undefined;
    };
    await eventually('a service manager that answers', isUp);
    return machine;
  }

  /** A path of its own, as seen from outside. */
  path(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Runs systemctl on it. */
  systemctl(t: Scope, ...words: readonly string[]): Promise<Finished> {
    const place = ['--target', String(this.#pid), '--mount', '--pid', '--cgroup'];
    const command = [...place, 'systemctl', '--no-pager', ...words];
    return run(t, { command: 'nsenter', arguments: command, patienceMs: SYSTEMCTL_MS });
  }

  /** What its service manager knows of the service. */
  async property(t: Scope, name: string): Promise<string> {
    return (await this.systemctl(t, 'show', '--property', name, '--value', 'sallyport.service')).stdout.trim();
  }
}

/** systemctl waits for what it asked for, and a drain may take its time. */
const SYSTEMCTL_MS = 60_000;

/** Removes a group and those below it; not as long as a process is in one. */
function removeGroup(group: string): true | undefined {
  try {
    for (const { name, parentPath } of readdirSync(group, { withFileTypes: true, recursive: true }).toReversed())
      if (existsSync(join(parentPath, name, 'cgroup.procs'))) rmdirSync(join(parentPath, name));
    rmdirSync(group);
    return true;
  } catch {
    return undefined;
  }
}
