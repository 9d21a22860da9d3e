import { describe, expect, it } from 'vitest';
import { connectionsAnswer, decisionAnswer, decisionsAnswer } from '../../src/admin/schemas.ts';
import { notificationsAnswer } from '../../src/admin/schemas-notifications.ts';
import type { ConnectionRecord, ConnectionsAnswer } from '../../src/contract.ts';
import { BAD, GOOD, OTHER } from './configs.ts';
import { type AdminRig, bodyOf, isProblem, type Reply, startAdmin } from './rig.ts';

/** Policies, decisions, commands and what is open. Registers its tests. */
export function resources(): void {
  describe('notifications', () => {
    it('are shown with the host of a channel and nothing else of its address', async () => {
      const rig = await startAdmin();
      const { json } = await rig.callSocket('GET', '/api/v1/notifications');
      expect(notificationsAnswer.parse(json)).toMatchObject({
        channels: [{ name: 'ops', target: 'ops.example.com', waiting: 2, failure: 'timeout' }],
        dead: [{ id: 'ntf_1', failure: 'expired' }],
      });
    });

    it('are tested by a call that is written down with who made it', async () => {
      const rig = await startAdmin();
      const headers = await rig.signIn('alice');
      const { json } = await rig.call('POST', '/api/v1/notifications/test', { headers, body: { channel: 'ops' } });
      expect(json).toEqual({ channel: 'ops', failure: null });
      expect(rig.plane.audited.at(-1)).toMatchObject({
        author: 'session:alice',
        operation: 'testNotification',
        result: 'done',
        detail: 'channel ops: taken',
      });
      const other = await rig.call('POST', '/api/v1/notifications/test', { headers, body: { channel: 'nobody' } });
      isProblem(other, 404, 'NOT_FOUND');
    });
  });

  describe('policies', () => {
    it('are published by a reload, written down with who did it, and rolled back with one call', async () => {
      const rig = await startAdmin();
      const headers = await rig.signIn('alice');
      rig.plane.text = OTHER;
      const reload = await rig.call('POST', '/api/v1/reload', { headers });
      expect(reload.json).toMatchObject({ result: 'published', version: 2, warnings: [] });
      const again = await rig.callSocket('POST', '/api/v1/reload', { headers: { 'sallyport-author': 'bob' } });
      expect(again.json).toMatchObject({ result: 'unchanged', version: 2 });
      const rollback = await rig.call('POST', '/api/v1/rollback', { headers, body: { version: 1 } });
      expect(rollback.json).toMatchObject({ result: 'published', version: 3 });
      const { json } = await rig.callSocket('GET', '/api/v1/policies');
      expect(json).toMatchObject({
        current: 3,
        policies: [
          { version: 3, source: 'rollback', author: 'session:alice' },
          { version: 2, source: 'api', author: 'socket:bob', result: 'unchanged' },
          { version: 2, source: 'api', author: 'session:alice', result: 'published' },
          { version: 1, source: 'start' },
        ],
      });
      expect(rig.lines.filter(({ message }) => message === 'admin call').map(({ what }) => what)).toContain(
        'published, version 3',
      );
    });

    it('that are wrong are refused with everything that sallyport check says, and the old one stays', async () => {
      const rig = await startAdmin();
      rig.plane.text = BAD;
      const reply = await rig.callSocket('POST', '/api/v1/reload');
      isProblem(reply, 422, 'CONFIG_REFUSED');
      expect(reply.json).toMatchObject({
        problems: [
          { severity: 'warning', line: 9, key: 'upstreams.game' },
          { severity: 'error', file: '/etc/sallyport.yaml', line: 12, key: 'routes[0].upstream' },
          { severity: 'error', line: 13, key: 'routes[0].profile' },
        ],
      });
      expect(reply.text).toContain('did you mean \\"game\\"?');
      expect((await rig.callSocket('GET', '/api/v1/status')).json).toMatchObject({ policy: { version: 1 } });
      rig.plane.text = GOOD;
      isProblem(await rig.callSocket('POST', '/api/v1/rollback', { body: { version: 9 } }), 404, 'NOT_FOUND');
    });

    it('that a worker does not take are not published', async () => {
      const rig = await startAdmin();
      rig.plane.isWorkerFailing = true;
      rig.plane.text = OTHER;
      isProblem(await rig.callSocket('POST', '/api/v1/reload'), 503, 'NOT_PUBLISHED');
      isProblem(await rig.callSocket('POST', '/api/v1/rollback', { body: { version: 1 } }), 503, 'NOT_PUBLISHED');
    });

    it('are compared key by key, and of a secret is said only that it is another one', async () => {
      const rig = await startAdmin();
      rig.plane.text = OTHER;
      await rig.callSocket('POST', '/api/v1/reload');
      const reply = await rig.callSocket('GET', '/api/v1/policies/diff?from=1&to=2');
      expect(reply.json).toEqual({
        from: 1,
        to: 2,
        isCut: false,
        changes: [
          { key: 'listeners[public].client.proof.secrets[<secret 1>]', from: '<secret 1>', to: null },
          { key: 'listeners[public].client.proof.secrets[<secret 2>]', from: null, to: '<secret 2>' },
          { key: 'routes[game].request.totalTimeout', from: '1m', to: '30s' },
        ],
      });
      isProblem(await rig.callSocket('GET', '/api/v1/policies/diff?from=1&to=9'), 404, 'NOT_FOUND');
      isProblem(await rig.callSocket('GET', '/api/v1/policies/diff?from=1&to=1e3'), 400, 'QUERY_INVALID');
    });
  });

  describe('decisions', () => {
    const ban = (value: string, more: object = {}): object => ({
      kind: 'ban',
      scope: { kind: 'address', value },
      reason: 'rude',
      ...more,
    });
    const take = (rig: AdminRig, body: unknown): Promise<Reply> =>
      rig.callSocket('POST', '/api/v1/decisions', { body });

    it('are taken with author and end, confirmed by workers, and ended again', async () => {
      const rig = await startAdmin();
      const reply = await take(rig, ban('2001:DB8::0:1', { seconds: 60 }));
      expect(reply.json).toMatchObject({
        decision: {
          scope: { kind: 'address', value: '2001:db8::1' },
          createdMs: rig.clock.wallMs(),
          endsMs: rig.clock.wallMs() + 60_000,
        },
        isRepeat: false,
        confirmed: { workers: 2, of: 2 },
      });
      const { decision } = bodyOf(decisionAnswer, reply);
      expect(decision.author).toMatch(/^socket:uid-\d+$/);
      const gone = await rig.callSocket('DELETE', `/api/v1/decisions/${decision.id}`);
      expect(gone.json).toEqual({ id: decision.id, confirmed: { workers: 2, of: 2 } });
      isProblem(await rig.callSocket('DELETE', `/api/v1/decisions/${decision.id}`), 404, 'NOT_FOUND');
    });

    it('with a key are taken once, however often and by whomever they are sent', async () => {
      const rig = await startAdmin();
      const first = bodyOf(decisionAnswer, await take(rig, ban('192.0.2.1', { key: 'ticket-7' })));
      rig.clock.advance(5_000);
      const second = bodyOf(decisionAnswer, await take(rig, ban('192.0.2.1', { key: 'ticket-7' })));
      expect(second).toMatchObject({ decision: first.decision, isRepeat: true });
      isProblem(await take(rig, ban('192.0.2.2', { key: 'ticket-7' })), 409, 'CONFLICT');
      await rig.callSocket('DELETE', `/api/v1/decisions/${first.decision.id}`);
      // A repetition that comes late must not bring back what somebody has ended.
      isProblem(await take(rig, ban('192.0.2.1', { key: 'ticket-7' })), 409, 'CONFLICT');
      expect(rig.plane.decisions().decisions).toEqual([]);
    });

    it('are listed in pages, newest first, and stay in their order while some go and others come', async () => {
      const rig = await startAdmin();
      for (let index = 1; index <= 5; index += 1) {
        await take(rig, ban(`192.0.2.${index}`, { key: String(index) }));
        rig.clock.advance(index === 2 ? 0 : 1_000);
      }
      const page = async (query: string): Promise<{ total: number; values: string[]; next: string | null }> => {
        const reply = await rig.callSocket('GET', `/api/v1/decisions?${query}`);
        const { total, decisions, next } = bodyOf(decisionsAnswer, reply);
        return { total, values: decisions.map(({ scope }) => scope.value), next };
      };
      const first = await page('limit=2');
      expect(first).toMatchObject({ total: 5, values: ['192.0.2.5', '192.0.2.4'] });
      const fourth = rig.plane.decisions().decisions.find(({ scope }) => scope.value === '192.0.2.4');
      await rig.callSocket('DELETE', `/api/v1/decisions/${fourth?.id}`);
      await take(rig, ban('192.0.2.6'));
      const second = await page(`limit=2&after=${first.next}`);
      const third = await page(`limit=2&after=${second.next}`);
      expect([...second.values, ...third.values].toSorted()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
      expect(third.next).toBeNull();
    });

    it('are not taken beyond the room there is', async () => {
      const rig = await startAdmin();
      rig.plane.decisionsMax = 1;
      await take(rig, ban('192.0.2.1'));
      isProblem(await take(rig, ban('192.0.2.2')), 409, 'CONFLICT');
    });

    it('are found by what they hold for', async () => {
      const rig = await startAdmin();
      await take(rig, ban('192.0.2.1'));
      await take(rig, { kind: 'ban', scope: { kind: 'network', value: '198.51.100.0/24' }, reason: 'rude' });
      await take(rig, { kind: 'allowance', scope: { kind: 'address', value: '198.51.100.7' }, reason: 'ours' });
      const count = async (query: string): Promise<number> =>
        bodyOf(decisionsAnswer, await rig.callSocket('GET', `/api/v1/decisions?${query}`)).total;
      expect(await count('client=198.51.100.7')).toBe(2);
      expect(await count('client=198.51.100.0/25&kind=ban')).toBe(1);
      expect(await count('client=203.0.113.1')).toBe(0);
      expect(await count('author=session:nobody')).toBe(0);
      isProblem(await rig.callSocket('GET', '/api/v1/decisions?client=all'), 400, 'QUERY_INVALID');
    });

    it.each([
      ['an address that is none', ban('192.0.2.999')],
      ['a network with bits beyond its prefix', { ...ban(''), scope: { kind: 'network', value: '192.0.2.1/24' } }],
      ['a ban of everybody', { ...ban(''), scope: { kind: 'network', value: '0.0.0.0/0' } }],
      ['a reason that moves a cursor', ban('192.0.2.1', { reason: 'a\u001b[2J' })],
      ['a reason that turns text around', ban('192.0.2.1', { reason: 'a\u202eb' })],
      ['no reason', ban('192.0.2.1', { reason: ' ' })],
      ['a long reason', ban('192.0.2.1', { reason: 'x'.repeat(201) })],
      ['an end in the past', ban('192.0.2.1', { seconds: 0 })],
      ['a key with a space', ban('192.0.2.1', { key: 'a b' })],
      ['a scope that is not known', { ...ban(''), scope: { kind: 'country', value: 'XX' } }],
      ['a list', []],
      ['nothing', null],
    ])('are not taken with %s', async (_, body) => {
      const rig = await startAdmin();
      isProblem(await take(rig, body), 400, 'BODY_INVALID');
      expect(rig.plane.decisions().decisions).toEqual([]);
    });
  });

  describe('commands', () => {
    it('are carried out once, and say which worker did what', async () => {
      const rig = await startAdmin();
      rig.plane.open = [connection('c-1', 1), connection('c-2', 0)];
      const body = { id: 'one', action: { kind: 'close-connection', connection: 'c-1', reason: 'rude' } };
      const reply = await rig.callSocket('POST', '/api/v1/commands', { body });
      expect(reply.json).toMatchObject({
        id: 'one',
        confirmed: { workers: 2, of: 2 },
        acks: [
          { worker: 0, closed: 0, isRepeat: false },
          { worker: 1, closed: 1, isRepeat: false },
        ],
      });
      const again = await rig.callSocket('POST', '/api/v1/commands', { body });
      expect(again.json).toMatchObject({ acks: [{ isRepeat: true }, { isRepeat: true }] });
      expect(rig.plane.commands).toHaveLength(1);
    });

    it('name clients in canonical text', async () => {
      const rig = await startAdmin();
      const action = { kind: 'close-client', client: '2001:DB8:0::/48', reason: 'rude' };
      await rig.callSocket('POST', '/api/v1/commands', { body: { id: 'two', action } });
      expect(rig.plane.commands[0]?.action).toEqual({ ...action, client: '2001:db8::/48' });
      const body = { id: 'three', action: { ...action, client: 'everybody' } };
      isProblem(await rig.callSocket('POST', '/api/v1/commands', { body }), 400, 'BODY_INVALID');
    });

    it.each([
      { id: 'x', action: { kind: 'set-attack-level', level: 4 } },
      { id: 'x', action: { kind: 'restart' } },
      { id: 'x', action: { kind: 'drain', now: true } },
      { id: 'x'.repeat(65), action: { kind: 'drain' } },
      { action: { kind: 'drain' } },
    ])('are a closed list', async (body) => {
      const rig = await startAdmin();
      isProblem(await rig.callSocket('POST', '/api/v1/commands', { body }), 400, 'BODY_INVALID');
      expect(rig.plane.commands).toEqual([]);
    });
  });

  describe('open connections', () => {
    it('are listed up to a limit, of one client or of all', async () => {
      const rig = await startAdmin();
      rig.plane.open = Array.from({ length: 150 }, (_, index) => connection(`c-${index}`, index % 2));
      const listed = async (query: string): Promise<ConnectionsAnswer> =>
        bodyOf(connectionsAnswer, await rig.callSocket('GET', `/api/v1/connections${query}`));
      expect((await listed('')).connections).toHaveLength(100);
      expect((await listed('?limit=9999')).connections).toHaveLength(150);
      expect(await listed('?client=192.0.2.9&kind=http')).toEqual({ total: 0, connections: [] });
      isProblem(await rig.callSocket('GET', '/api/v1/connections?client=x'), 400, 'QUERY_INVALID');
      isProblem(await rig.callSocket('GET', '/api/v1/connections?limit=0'), 400, 'QUERY_INVALID');
    });
  });
}

function connection(id: string, worker: number): ConnectionRecord {
  const facts = { kind: 'websocket', listener: 'public', route: 'game', client: '192.0.2.1' } as const;
  return { ...facts, id, worker, openedMs: 1_700_000_000_000, bytesIn: 1, bytesOut: 2 };
}
