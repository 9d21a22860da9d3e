import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flag, only, readContainerfile, type Stage } from './containerfile.ts';
import { type Finished, run, temporaryFolder } from './program.ts';
import type { Sandbox } from './sandbox.ts';
import type { Scope } from './scope.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Where the Containerfile lies. */
export const CONTAINERFILE: string = join(ROOT, 'deploy/container/Containerfile');

/** The image that the Containerfile describes, built without a daemon: its file system as a folder. */
export class Image {
  readonly root: string;
  readonly stage: Stage;
  /** Number of its user. */
  readonly user: number;
  readonly command: readonly string[];

  private constructor(root: string, stage: Stage) {
    this.root = root;
    this.stage = stage;
    const [user = '', group] = only(stage, 'USER').text.split(':');
    if (!/^[1-9]\d*$/.test(user) || user !== group) throw new Error(`USER ${user}:${group} is not one number twice`);
    this.user = Number(user);
    this.command = [...only(stage, 'ENTRYPOINT').words, ...only(stage, 'CMD').words];
  }

  /**
   * Plays the Containerfile through. The base images are not here: of the first, what it gives to the second is taken from
   * this machine (Node and the locked packages); the second is what Node is linked to, which is what it promises to have.
   */
  static async build(scope: Scope): Promise<Image> {
    const [first, last, ...others] = readContainerfile(CONTAINERFILE);
    if (first === undefined || last === undefined || others.length > 0) throw new Error('there are two stages');
    const folder = temporaryFolder(scope);
    chmodSync(folder, 0o755);
    const made = join(folder, 'build');
    mkdirSync(made);
    for (const instruction of first.instructions.filter(({ name }) => name === 'RUN')) {
      const done = await play(scope, instruction.text, made);
      if (done !== undefined && done.code !== 0) throw new Error(`${instruction.text}\n${done.stderr}`);
    }
    const root = join(folder, 'root');
    layBase(root);
    for (const instruction of last.instructions.filter(({ name }) => name === 'COPY')) {
      if (flag(instruction, 'from') !== first.name) throw new Error(`COPY ${instruction.text} is not from the build`);
      const [from = '', to = ''] = instruction.words;
      copy(builtPath(from, made), join(root, to), flag(instruction, 'chown'));
    }
    return new Image(root, last);
  }

  /** A container of it: alone with its processes, its first one being the command, on a root that nobody can write to. */
  sandbox(changes: Partial<Sandbox> = {}): Sandbox {
    for (const [here, there] of [...(changes.visible ?? []), ...(changes.writable ?? [])]) {
      const place = join(this.root, there);
      if (existsSync(place)) continue;
      // A daemon makes what it mounts over.
      mkdirSync(dirname(place), { recursive: true });
      if (lstatSync(here).isDirectory()) mkdirSync(place);
      else writeFileSync(place, '');
    }
    return {
      root: this.root,
      user: this.user,
      group: this.user,
      visible: new Map(),
      writable: new Map(),
      temporary: [],
      links: new Map(),
      environment: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      isContainer: true,
      ...changes,
    };
  }
}

/** One RUN of the build, with its absolute paths in `made`. The packages are installed here already, by the same command. */
function play(scope: Scope, text: string, made: string): Promise<Finished> | undefined {
  if (text.startsWith('npm ci ')) return undefined;
  const [, script] = /^npm exec --no -- node (\S+) \/release$/.exec(text) ?? [];
  const environment = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };
  if (script !== undefined) {
    const words = [join(ROOT, script), join(made, 'release')];
    return run(scope, {
      command: process.execPath,
      arguments: words,
      directory: ROOT,
      environment,
      patienceMs: BUILD_MS,
    });
  }
  return run(scope, { command: 'sh', arguments: ['-c', text.replaceAll('/rootfs', join(made, 'rootfs'))] });
}

/** Packing runs npm once for each package. */
const BUILD_MS = 200_000;

function builtPath(path: string, made: string): string {
  if (path === '/usr/local/bin/node') return process.execPath;
  // The licence of Node lies beside its folders, there as here.
  if (path === '/usr/local/LICENSE') return join(dirname(process.execPath), '../LICENSE');
  return join(made, path);
}

/** Files of the second base image: the linker, what Node is linked to, and where names and authorities are looked up. */
function layBase(root: string): void {
  for (const name of ['etc/sallyport', 'etc/cloudflared', 'run/secrets', 'dev', 'proc', 'sys', 'tmp', 'usr/lib'])
    mkdirSync(join(root, name), { recursive: true });
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' });
  for (const [, path = ''] of linked.matchAll(/(\/\S+) \(0x/g)) copy(path, join(root, path), undefined);
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
  );
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
}

/** As COPY does: a folder's content into a folder, a file to a file. */
function copy(from: string, to: string, owner: string | undefined): void {
  if (!existsSync(from)) return;
  mkdirSync(dirname(to), { recursive: true });
  const isFolder = lstatSync(from).isDirectory();
  // A folder as it is; of a file, what it is and not what it points with.
  execFileSync('cp', isFolder ? ['-a', '-T', from, to] : ['-L', from, to]);
  if (owner !== undefined) execFileSync('chown', ['-R', owner, to]);
}

/** Every file below a folder, by its path in it. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => basename(path) !== '');
}
