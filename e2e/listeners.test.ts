/** Listeners that come, move, get another name and go by a reload, while clients are served by the others. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { Agent, request, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest, responseOf, startRequest } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import { eventually, type Scope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

void test('a listener that is added, moved, renamed and removed costs no exchange of another, and loses none of its own (R3.8)', async (t) => {
  const held: ServerResponse[] = [];
  const upstream = await startUpstream(t, {
    onRequest: (incoming, response) => (incoming.url === '/held' ? void held.push(response) : void response.end('ok')),
  });
  const [calm, first, second] = [await freePort(), await freePort(), await freePort()];
  const place = await Place.start(t, upstream.url, { calm });
  const untouched = new Hammer(calm, [fresh, fresh, keeping(t)]);

  await place.reload({ calm, guest: first });
  assert.equal((await httpRequest(urlOf(first))).status, 200);

  const moving = startRequest(urlOf(first, '/held')).end();
  await eventually('what is under way when it moves', () => held[0]);
  await place.reload({ calm, guest: second });
  assert.equal((await httpRequest(urlOf(second))).status, 200);
  await eventually('the end of the address before', () => isRefused(first));
  held.shift()?.end('moved');
  assert.equal(await text(await responseOf(moving)), 'moved');

  const named = new Hammer(second, [fresh, fresh]);
  await named.more();
  await place.reload({ calm, renamed: second });
  await named.more();
  assert.deepEqual(await named.end(), []);
  assert.equal((await place.gateway.logged({ kind: 'exchange', listener: 'renamed' }))['status'], 200);

  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const leaving = responseOf(request(urlOf(second, '/held'), { agent }).end());
  await eventually('what is under way when it goes', () => held[0]);
  await place.reload({ calm });
  await eventually('the end of the listener', () => isRefused(second));
  held.shift()?.end('gone');
  const last = await leaving;
  const { socket } = last;
  const closed = once(socket, 'close');
  assert.deepEqual([last.statusCode, last.headers.connection, await text(last)], [200, 'close', 'gone']);
  await closed;

  await untouched.more();
  assert.deepEqual(await untouched.end(), []);
  t.diagnostic(`${untouched.answered} exchanges of the untouched listener, none lost`);
});

/** A gateway whose listeners change. */
class Place {
  readonly gateway: GatewayProcess;
  readonly #upstream: string;
  #reloads = 0;

  private constructor(gateway: GatewayProcess, upstream: string) {
    this.gateway = gateway;
    this.#upstream = upstream;
  }

  static async start(scope: Scope, upstream: string, listeners: Listeners): Promise<Place> {
    return new Place(await GatewayProcess.start(scope, { yaml: configuration(upstream, listeners) }), upstream);
  }

  /** Resolves when these listeners are in force. */
  async reload(listeners: Listeners): Promise<void> {
    const yaml = `${configuration(this.#upstream, listeners)}operations: { address: "127.0.0.1:0" }\nwaf: { mode: off }\n`;
    writeFileSync(join(this.gateway.directory, 'sallyport.yaml'), yaml);
    this.gateway.program.signal('SIGHUP');
    this.#reloads += 1;
    await eventually('a new policy', () =>
      this.gateway.log().filter(({ msg }) => msg === 'a new policy is in force').length >= this.#reloads
        ? true
        : undefined,
    );
  }
}

/** Ports, by listener. */
type Listeners = Readonly<Record<string, number>>;

function configuration(upstream: string, listeners: Listeners): string {
  const items = Object.entries(listeners).map(
    ([name, port]) => `  - { name: ${name}, address: "127.0.0.1:${port}" }\n`,
  );
  return `version: 1
mode: development
listeners:
${items.join('')}upstreams: { game: "${upstream}" }
routes: [{ name: game, upstream: game, profile: game }]
workers: { count: 2 }
`;
}

/** Answers the status of one request. */
type Client = (url: string) => Promise<number>;

/** On a connection of its own. */
const fresh: Client = async (url) => (await httpRequest(url)).status;

/** On one that is kept, and never opened anew without need. */
function keeping(scope: Scope): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  scope.after(() => agent.destroy());
  return async (url) => {
    const response = await responseOf(request(url, { agent }).end());
    await text(response);
    return response.statusCode ?? 0;
  };
}

/** Clients of a port that ask all the time, some on connections of their own and one on one that it keeps. */
class Hammer {
  answered = 0;
  readonly #failures: string[] = [];
  #isOver = false;
  readonly #clients: readonly Promise<void>[];

  constructor(port: number, clients: readonly Client[]) {
    this.#clients = clients.map((client) => this.#hammer(() => client(urlOf(port))));
  }

  /** Resolves after more answers. */
  async more(): Promise<void> {
    const before = this.answered;
    await eventually('more answers', () => (this.answered > before + 20 ? true : undefined));
  }

  /** Everything that was not answered with 200. */
  async end(): Promise<readonly string[]> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.#failures;
  }

  async #hammer(ask: () => Promise<number>): Promise<void> {
    while (!this.#isOver && this.#failures.length < FAILURES_SHOWN) {
      const outcome = await ask().catch(String);
      this.answered += 1;
      if (outcome !== 200) this.#failures.push(String(outcome));
    }
  }
}

const FAILURES_SHOWN = 10;

function urlOf(port: number, path = '/'): string {
  return `http://127.0.0.1:${port}${path}`;
}

/** True when nobody listens there any more. */
function isRefused(port: number): Promise<true | undefined> {
  return httpRequest(urlOf(port)).then(
    () => undefined,
    (error: unknown) => (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') || undefined,
  );
}
