import { describe, expect, it } from 'vitest';
import { API_SERVICE } from './memory-services.ts';
import { isProblem, startAdmin } from './rig.ts';

/** What holds for services that are checked. Registers its tests. */
export function services(): void {
  describe('services in the admin API (part of R2.23)', () => {
    it('are listed, with the certificates that the gateway serves', async () => {
      const { status, json } = await (await startAdmin()).callSocket('GET', '/api/v1/services');
      expect(status).toBe(200);
      expect(json).toMatchObject({
        services: [API_SERVICE],
        certificates: [{ listener: 'public', names: 'DNS:game.example.com', stage: 'ended' }],
      });
    });

    it('have a history each', async () => {
      const { json } = await (await startAdmin()).callSocket('GET', '/api/v1/services/api');
      expect(json).toMatchObject({
        service: API_SERVICE,
        checks: [{ outcome: 'bad', code: 'STATUS', detail: 'status 503' }],
        changes: [{ from: 'up', to: 'down' }],
        days: [{ downMs: 60_000 }],
      });
    });

    it('are not found under another name', async () => {
      isProblem(await (await startAdmin()).callSocket('GET', '/api/v1/services/database'), 404, 'NOT_FOUND');
    });
  });
}
