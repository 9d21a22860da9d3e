import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Lookups } from '../../src/health/probes/lookup.ts';

interface Rig {
  /** Looks a name up; what came back is in `answers`. */
  readonly ask: (host: string) => void;
  readonly answers: string[];
  /** What the machine was asked, in order. */
  readonly begun: string[];
  /** The machine answers the oldest question for a name. */
  readonly answer: (host: string, code?: string) => void;
}

function rig(): Rig {
  const begun: string[] = [];
  const open: { readonly host: string; readonly callback: Parameters<LookupFunction>[2] }[] = [];
  const answers: string[] = [];
  const lookups = new Lookups((host, _options, callback) => {
    begun.push(host);
    open.push({ host, callback });
  });
  return {
    answers,
    begun,
    ask: (host) =>
      lookups.lookup(host, { all: true }, (error, addresses) => {
        answers.push(`${host} ${error?.code ?? JSON.stringify(addresses)}`);
      }),
    answer: (host, code) => {
      const at = open.findIndex((one) => one.host === host);
      const [found] = open.splice(at, 1);
      if (at < 0) expect.fail(`${host} was not asked for`);
      if (code === undefined) found?.callback(null, [{ address: '192.0.2.1', family: 4 }]);
      else found?.callback(Object.assign(new Error(code), { code }), '', 0);
    },
  };
}

describe('lookups of names', () => {
  it('go on for names that answer, whatever a dead resolver holds', () => {
    const { ask, answer, begun, answers } = rig();
    ask('db.example');
    answer('db.example');
    // The resolver of these two says nothing: they held every place there was, for as long as it liked.
    ask('one.dead.example');
    ask('two.dead.example');
    ask('three.dead.example');
    for (let check = 0; check < 3; check += 1) {
      ask('db.example');
      answer('db.example');
    }
    expect(begun).toEqual(['db.example', 'one.dead.example', 'two.dead.example', ...Array(3).fill('db.example')]);
    expect(answers).toEqual(Array(4).fill('db.example [{"address":"192.0.2.1","family":4}]'));
    answer('one.dead.example', 'EAI_AGAIN');
    expect(begun.at(-1)).toBe('three.dead.example');
  });

  it('leave the place of a name that has answered once it does not any more', () => {
    const { ask, answer, begun } = rig();
    for (const host of ['a', 'b', 'c', 'd']) {
      ask(host);
      answer(host);
    }
    begun.length = 0;
    for (const host of ['a', 'b', 'c']) ask(host);
    for (const host of ['a', 'b', 'c']) answer(host, 'EAI_AGAIN');
    for (const host of ['a', 'b', 'c', 'd']) ask(host);
    expect(begun).toEqual(['a', 'b', 'c', 'a', 'b', 'd']);
  });

  it('are one for a name, whoever asks for it', () => {
    const { ask, answer, begun, answers } = rig();
    for (let asker = 0; asker < 5; asker += 1) ask('dead.example');
    ask('web.example');
    answer('web.example');
    answer('dead.example', 'ENOTFOUND');
    expect(begun).toEqual(['dead.example', 'web.example']);
    expect(answers.length).toBe(6);
  });

  it('are refused when two hundred wait, and taken again when they have been answered', async () => {
    const { ask, answer, answers } = rig();
    for (let asker = 0; asker < 201; asker += 1) ask('dead.example');
    await Promise.resolve();
    expect(answers).toEqual(['dead.example EAI_AGAIN']);
    answer('dead.example', 'ENOTFOUND');
    ask('web.example');
    answer('web.example');
    expect([answers.length, answers.at(-1)]).toEqual([202, 'web.example [{"address":"192.0.2.1","family":4}]']);
  });
});
