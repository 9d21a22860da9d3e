import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ok, onRequest, type Script, startServer } from './scripted-server.ts';
import { Answer, GET, post, type Setup, setUp, until } from './setup.ts';

/** What a server does with a request. */
const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  answer: (write) => write(ok('hello')),
  chunks: (write) => write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'),
  'answer and close': (write, end) => {
    write('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello');
    end();
  },
  'until close': (write, end) => {
    write('HTTP/1.1 200 OK\r\n\r\nhello');
    end();
  },
  'break off': (write, end) => {
    write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello');
    end();
  },
  garbage: (write) => write('\0\0\0\0\r\n\r\n'),
  twice: (write) => write(`${ok('hello')}${ok('evil!')}`),
  close: (_, end) => end(),
};

type Behaviour = (write: (text: string) => void, end: () => void) => void;

interface Step {
  readonly behaviour: string;
  readonly hasBody: boolean;
  readonly abortAfter: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  behaviour: fc.constantFrom(...Object.keys(BEHAVIOURS)),
  hasBody: fc.boolean(),
  /** Turns of the event loop; beyond 6 the request is left alone. */
  abortAfter: fc.nat(12),
});

/** Every request names in its target how it wants to be treated. */
const script: Script = (socket) =>
  onRequest(socket, (_, head) => {
    const name = decodeURIComponent(/\/([^ ]*) HTTP/.exec(head)?.[1] ?? '');
    const behave = BEHAVIOURS[name];
    behave?.(
      (text) => socket.write(text, 'latin1'),
      () => socket.end(),
    );
  });

describe('many requests at once, to servers that do what they want, from clients that leave when they want', () => {
  it('end exactly once or were aborted, with nobody else’s answer, and leave nothing behind', async () => {
    await using first = await startServer(script);
    await using second = await startServer(script);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
        const setup = setUp([first.port, second.port], {
          balance: 'least-connections',
          pool: { connectionsMax: 4, idleMax: 2, idleMs: 4_000, pendingMax: 20 },
        });
        const answers = await Promise.all(steps.map((one) => run(setup, one)));
        for (const answer of answers) {
          if (answer.log.at(-1) === 'end') expect(answer.short).toBe('200 hello');
        }
        setup.upstreams.close();
        await until(() => gauge(setup, 'active') + gauge(setup, 'opening') + gauge(setup, 'idle') === 0);
        const attempts = answers.reduce((sum, { call }) => sum + call.attempts, 0);
        expect(sum(setup, 'gateway_upstream_requests_total{')).toBe(attempts);
      }),
      { numRuns: 200 },
    );
  });
});

async function run({ upstream }: Setup, { behaviour, hasBody, abortAfter }: Step): Promise<Answer> {
  const target = `/${encodeURIComponent(behaviour)}`;
  const request = hasBody ? { ...post(3), target } : { ...GET, target };
  const answer = new Answer(upstream, request, (call) => {
    call.write(Buffer.from('abc'));
    call.end();
  });
  if (abortAfter > 6) return answer.ended();
  for (let turn = 0; turn < abortAfter && !answer.isOver; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
  answer.call.abort();
  return answer;
}

function gauge(setup: Setup, state: string): number {
  return sum(setup, 'gateway_upstream_connections{', `state="${state}"`);
}

/** Of all series of a metric. */
function sum({ metrics }: Setup, prefix: string, part = ''): number {
  return metrics
    .render()
    .split('\n')
    .filter((line) => line.startsWith(prefix) && line.includes(part))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
