import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMPOSE, type Compose, readCompose, type Service } from './compose.ts';
import type { Image } from './image.ts';
import { type Finished, Program, run, temporaryFolder } from './program.ts';
import { inSandbox, type Sandbox } from './sandbox.ts';
import { eventually, type Scope } from './scope.ts';

/** Where a request goes. */
export type Target = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** The street on which a host of the Internet lives (RFC 5737). */
const OUTSIDE = '203.0.113.2';
const OUTSIDE_ROUTER = '203.0.113.1';

/**
 * The Compose file as a town: a network namespace for each service, a bridge for each network, a router that knows only the
 * networks that are not internal, and a host beyond it. Gateway and arena run in it in containers; cloudflared's place is
 * empty, and tests speak from it.
 */
export class Town {
  readonly #compose: Compose = readCompose();
  readonly #image: Image;
  readonly #scope: Scope;
  readonly #folder: string;
  readonly #addresses = new Map<string, readonly string[]>([['outside', [OUTSIDE]]]);
  #gateway: Program | undefined;

  private constructor(scope: Scope, image: Image) {
    this.#scope = scope;
    this.#image = image;
    this.#folder = temporaryFolder(scope);
    chmodSync(this.#folder, 0o755);
  }

  static async build(scope: Scope, image: Image): Promise<Town> {
    const town = new Town(scope, image);
    town.#layStreets();
    town.#layVolumes();
    await town.#start('arena', 'The arena listens');
    await town.#arenaIsUp();
    town.#gateway = await town.#start('gateway', '"msg":"listening"');
    await eventually('health of the gateway', async () =>
      (await town.runIn('gateway', town.healthcheck('gateway'))).code === 0 ? true : undefined,
    );
    return town;
  }

  get gateway(): Program {
    if (this.#gateway === undefined) throw new Error('the gateway does not run');
    return this.#gateway;
  }

  /** The folder that is a volume. */
  volume(name: string): string {
    return join(this.#folder, 'volumes', name);
  }

  /** The addresses of a service, one for each of its networks, or of the host outside. */
  addresses(name: string): readonly string[] {
    return this.#addresses.get(name) ?? [];
  }

  namespace(name: string): string {
    return `sallyport-${name}-${process.pid}`;
  }

  healthcheck(name: string): readonly string[] {
    return this.#service(name).healthcheck.test.slice(1);
  }

  /** Runs a command in a service's container, beside its first process. */
  runIn(name: string, command: readonly string[]): Promise<Finished> {
    return run(this.#scope, inSandbox(this.#sandbox(name), this.#folder, command));
  }

  /** Addresses that TCP sockets of a service listen on. */
  listening(name: string): readonly string[] {
    const listed = ip('netns', 'exec', this.namespace(name), 'ss', '-Hltn');
    return listed
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[3] ?? '');
  }

  /** What a request from a service's place ends in: a status, or the error of the connection. */
  async ask(t: Scope, from: string, target: Target, group?: number): Promise<string> {
    const script = `
      const { request } = require('node:http');
      const headers = { host: 'game.example.com', 'cf-connecting-ip': '203.0.113.9' };
      const asked = request({ ...${JSON.stringify(target)}, headers, timeout: 3000 }, ({ statusCode }) => console.log(statusCode) || process.exit());
      asked.on('timeout', () => console.log('ETIMEDOUT') || process.exit()).on('error', ({ code }) => console.log(code)).end();`;
    const place = from === 'outside' ? { network: this.namespace(from) } : this.#sandbox(from);
    const sandbox = this.#image.sandbox({ ...place, ...(group === undefined ? {} : { group, user: group }) });
    const { stdout, stderr } = await run(t, inSandbox(sandbox, this.#folder, ['/usr/local/bin/node', '-e', script]));
    return stdout.trim() || stderr;
  }

  #service(name: string): Service {
    const service = this.#compose.services[name];
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  #layStreets(): void {
    const router = this.#namespaceFor('router');
    ip('netns', 'exec', router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    const outside = this.#namespaceFor('outside');
    wire(router, 'outside', outside, 'eth0');
    ip('-n', router, 'address', 'add', `${OUTSIDE_ROUTER}/24`, 'dev', 'outside');
    ip('-n', outside, 'address', 'add', `${OUTSIDE}/24`, 'dev', 'eth0');
    ip('-n', outside, 'route', 'add', 'default', 'via', OUTSIDE_ROUTER);
    for (const name of Object.keys(this.#compose.services)) this.#namespaceFor(name);
    for (const [index, [name, network]] of Object.entries(this.#compose.networks).entries()) {
      ip('-n', router, 'link', 'add', name, 'type', 'bridge');
      ip('-n', router, 'link', 'set', name, 'up');
      const prefix = `198.51.100.${index * 32}`.replace(/\d+$/, '');
      const first = index * 32 + 1;
      if (network.internal !== true) ip('-n', router, 'address', 'add', `${prefix}${first}/27`, 'dev', name);
      const members = Object.entries(this.#compose.services).filter(([, service]) => service.networks.includes(name));
      for (const [place, [member]] of members.entries()) {
        const host = this.namespace(member);
        const door = `eth${index}`;
        wire(router, `${index}-${member}`, host, door);
        ip('-n', router, 'link', 'set', `${index}-${member}`, 'master', name);
        const address = `${prefix}${first + 1 + place}`;
        this.#addresses.set(member, [...this.addresses(member), address]);
        ip('-n', host, 'address', 'add', `${address}/27`, 'dev', door);
        if (network.internal !== true) ip('-n', host, 'route', 'add', 'default', 'via', `${prefix}${first}`);
      }
    }
  }

  #namespaceFor(name: string): string {
    const namespace = this.namespace(name);
    ip('netns', 'add', namespace);
    this.#scope.after(() => void ip('netns', 'delete', namespace));
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    return namespace;
  }

  #layVolumes(): void {
    for (const [name, volume] of Object.entries(this.#compose.volumes)) {
      const folder = this.volume(name);
      mkdirSync(folder, { recursive: true });
      const { uid, gid, mode } =
        volume?.driver_opts === undefined ? this.#placeInImage(name) : ownerIn(volume.driver_opts.o);
      chownSync(folder, uid, gid);
      chmodSync(folder, mode);
    }
    cpSync(COMPOSE, join(this.#folder, 'compose'), { recursive: true });
    const hosts = Object.keys(this.#compose.services).flatMap((name) =>
      this.addresses(name).map((address) => `${address} ${name}\n`),
    );
    writeFileSync(join(this.#folder, 'hosts'), `127.0.0.1 localhost\n${hosts.join('')}`);
  }

  /** As Docker does with a new volume that nothing else is said of: it is as the image's folder in its place. */
  #placeInImage(volume: string): Ownership {
    const mounts = Object.values(this.#compose.services).flatMap(({ volumes = [] }) => volumes);
    const mount = mounts.find(({ type, source }) => type === 'volume' && source === volume);
    const { uid, gid, mode } = statSync(join(this.#image.root, mount?.target ?? 'nowhere'));
    return { uid, gid, mode: mode & 0o777 };
  }

  #sandbox(name: string): Sandbox {
    const service = this.#service(name);
    const [user, group] = service.user.split(':').map(Number);
    const mounts = (service.volumes ?? []).map((mount) => ({
      ...mount,
      here: mount.type === 'volume' ? this.volume(mount.source) : join(this.#folder, 'compose', mount.source),
    }));
    const pairs = (isReadOnly: boolean): readonly (readonly [string, string])[] =>
      mounts.filter(({ read_only = false }) => read_only === isReadOnly).map(({ here, target }) => [here, target]);
    return this.#image.sandbox({
      user: user ?? 0,
      group: group ?? 0,
      visible: new Map([...pairs(true), [join(this.#folder, 'hosts'), '/etc/hosts']]),
      writable: new Map(pairs(false)),
      network: this.namespace(name),
    });
  }

  async #start(name: string, sign: string): Promise<Program> {
    const { entrypoint, command } = this.#service(name);
    const words = entrypoint === undefined ? this.#image.command : [...entrypoint, ...(command ?? [])];
    const program = Program.start(this.#scope, inSandbox(this.#sandbox(name), this.#folder, words));
    await program.until(`the start of ${name}`, () => (program.stdout.includes(sign) ? true : undefined));
    return program;
  }

  async #arenaIsUp(): Promise<void> {
    await eventually('health of the arena', async () =>
      (await this.runIn('arena', this.healthcheck('arena'))).code === 0 ? true : undefined,
    );
  }
}

type Ownership = Readonly<Record<'uid' | 'gid' | 'mode', number>>;

/** Of the options of a file system in memory. */
function ownerIn(options: string): Ownership {
  const given = new Map(options.split(',').map((pair) => [pair.split('=')[0] ?? '', pair.split('=')[1] ?? '']));
  return {
    uid: Number(given.get('uid')),
    gid: Number(given.get('gid')),
    mode: Number.parseInt(given.get('mode') ?? '', 8),
  };
}

function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

/** A wire from the router to a door of another host. */
function wire(router: string, name: string, host: string, door: string): void {
  ip('-n', router, 'link', 'add', name, 'type', 'veth', 'peer', 'name', door, 'netns', host);
  ip('-n', router, 'link', 'set', name, 'up');
  ip('-n', host, 'link', 'set', door, 'up');
}
