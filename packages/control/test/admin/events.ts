import { StoreError } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { memoryEvents } from './memory-events.ts';
import { isProblem, startAdmin } from './rig.ts';

const NOW_MS = 1_700_000_000_000;
const SINCE = `since=${encodeURIComponent(new Date(NOW_MS - 3_600_000).toISOString())}&until=${encodeURIComponent(new Date(NOW_MS).toISOString())}`;

/** What holds for stored events. Registers its tests. */
export function events(): void {
  describe('events in the admin API (part of R4.5)', () => {
    const get = async (path: string): ReturnType<Awaited<ReturnType<typeof startAdmin>>['callSocket']> =>
      (await startAdmin()).callSocket('GET', path);

    it('are found by a query, page by page', async () => {
      const first = await get(`/api/v1/events?${SINCE}&limit=2`);
      expect(first.status).toBe(200);
      expect(first.json).toMatchObject({ events: [{ client: '192.0.2.3' }, { client: '192.0.2.2' }], next: '2' });
      expect((await get(`/api/v1/events?${SINCE}&limit=2&cursor=2`)).json).toMatchObject({
        events: [{ client: '192.0.2.1' }],
        next: null,
      });
      const denied = await get(`/api/v1/events?${SINCE}&query=${encodeURIComponent('verdict = deny')}`);
      expect(denied.json).toMatchObject({ events: [{ client: '192.0.2.2', status: 403 }] });
    });

    it('are counted by a field', async () => {
      const { json } = await get(`/api/v1/events/top?field=verdict&${SINCE}`);
      expect(json).toMatchObject({
        values: [
          { value: 'pass', events: 2 },
          { value: 'deny', events: 1 },
        ],
        events: 3,
      });
    });

    it.each(['events', 'events/top?field=client', 'events/overview'])(
      '%s says when none are stored, and when the store has no time',
      async (path) => {
        const rig = await startAdmin();
        rig.plane.events = undefined;
        isProblem(await rig.callSocket('GET', `/api/v1/${path}`), 404, 'NOT_FOUND');
        rig.plane.events = memoryEvents(() => Promise.reject(new StoreError('BUSY', 'too many wait')));
        isProblem(await rig.callSocket('GET', `/api/v1/${path}`), 503, 'STATE_UNAVAILABLE');
      },
    );

    it.each([
      ['events?query=status%20%3E%3E', 'query: '],
      ['events?query=stauts%20%3D%20200', 'perhaps: status'],
      ['events?since=yesterday', 'since: '],
      ['events?until=2026-11-28T03%3A00', 'has no time zone'],
      ['events?since=1h&until=2h', 'since is not before until'],
      ['events?cursor=nothing', 'cursor is not what a page before said'],
      ['events?limit=0', 'limit'],
      ['events/top?field=password', 'no event has a field "password"'],
      ['events/top?limit=1', 'field'],
    ])('%s is refused, and the answer says why', async (path, why) => {
      const reply = await get(`/api/v1/${path}`);
      isProblem(reply, 400, 'QUERY_INVALID');
      expect(reply.text).toContain(JSON.stringify(why).slice(1, -1));
    });
  });
}
