import { z } from 'zod';
import { canonicalNetwork } from '../../config/addresses.ts';
import type { ConnectionsAnswer, ConnectionsQuery, WorkersAnswer } from '../contract.ts';
import { refuse } from '../problem.ts';
import { answer, type Route, route } from '../route.ts';
import { connectionsAnswer, statusAnswer, workersAnswer } from '../schemas.ts';

/** Connections that one answer lists, and when the caller does not say. */
const CONNECTIONS_SHOWN_MAX = 1_000;
const CONNECTIONS_SHOWN = 100;

const connectionsQuery: z.ZodType<ConnectionsQuery> = z.strictObject({
  client: z.string().max(64).optional(),
  kind: z.enum(['http', 'websocket']).optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, 'is not a number from 1 to 9999')
    .optional(),
});

/** What runs, and how it is doing. */
export const OVERVIEW_ROUTES: readonly Route[] = [
  route({
    operation: 'getStatus',
    method: 'GET',
    path: '/api/v1/status',
    access: 'session',
    summary: 'What runs, since when, with which policy, and whether it is ready.',
    answer: statusAnswer,
    wants: 'answer',
    call: ({ plane }) => answer(plane.status()),
  }),
  route({
    operation: 'listWorkers',
    method: 'GET',
    path: '/api/v1/workers',
    access: 'session',
    summary: 'The threads that carry traffic.',
    answer: workersAnswer,
    wants: 'order',
    call: async ({ plane }) => answer({ workers: await plane.workers() } satisfies WorkersAnswer),
  }),
  route({
    operation: 'listConnections',
    method: 'GET',
    path: '/api/v1/connections',
    access: 'session',
    summary: 'Open connections: of one client (an address or a network) or of all, at most `limit` of them.',
    query: connectionsQuery,
    answer: connectionsAnswer,
    wants: 'order',
    call: async ({ plane }, { query }) => {
      const client = query.client === undefined ? undefined : canonicalNetwork(query.client);
      if (query.client !== undefined && client === undefined) {
        return refuse('QUERY_INVALID', 'client is not an address or a network');
      }
      const limit = Math.min(CONNECTIONS_SHOWN_MAX, Number(query.limit ?? CONNECTIONS_SHOWN));
      const found = await plane.connections({ client, kind: query.kind, limit });
      return answer(found satisfies ConnectionsAnswer);
    },
  }),
];
