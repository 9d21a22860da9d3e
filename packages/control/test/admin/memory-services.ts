import type { ServiceHistoryAnswer, ServiceRecord } from '../../src/contract.ts';
import type { ServiceHealthPort } from '../../src/index.ts';

const CHECKED_MS = 1_700_000_000_000;

export const API_SERVICE: ServiceRecord = {
  name: 'api',
  kind: 'http',
  target: 'https://api.internal/health',
  status: 'down',
  sinceMs: CHECKED_MS - 60_000,
  isFlapping: false,
  lastCheck: { timeMs: CHECKED_MS, outcome: 'bad', code: 'STATUS', detail: 'status 503', durationMs: 3.5 },
  certificate: { endsMs: CHECKED_MS + 86_400_000, stage: 'day' },
  uptime: { day: 0.99, month: null },
};

const HISTORY: ServiceHistoryAnswer = {
  service: API_SERVICE,
  checks: API_SERVICE.lastCheck === null ? [] : [API_SERVICE.lastCheck],
  changes: [{ timeMs: CHECKED_MS - 60_000, from: 'up', to: 'down', code: 'STATUS', detail: 'status 503' }],
  days: [{ startMs: CHECKED_MS - (CHECKED_MS % 86_400_000), upMs: 5_940_000, degradedMs: 0, downMs: 60_000 }],
};

/** One service that is down. `before` is done first, whatever is asked. */
export function memoryServices(before: () => void): ServiceHealthPort {
  return {
    list: () => {
      before();
      const certificate = {
        listener: 'public',
        names: 'DNS:game.example.com',
        endsMs: CHECKED_MS,
        stage: 'ended',
      } as const;
      return { services: [API_SERVICE], certificates: [certificate] };
    },
    find: (name) => {
      before();
      return name === 'api' ? HISTORY : undefined;
    },
  };
}
