import { z } from 'zod';
import { http } from '../node-http.ts';
import { PROBLEM_STATUS } from './problem.ts';
import type { Route } from './route.ts';
import { problemsOf, ROUTES } from './routes.ts';
import { problemAnswer, SCHEMAS } from './schemas.ts';

/** The API's document: OpenAPI 3.1, as text. Made from the routes and the schemas that requests are judged by. */
export function renderAdminApi(): string {
  const document = {
    openapi: '3.1.0',
    info: { title: 'Sallyport admin API', version: '1', description: DESCRIPTION },
    servers: [{ url: 'http://127.0.0.1:8082', description: 'admin.address; over the socket Host is localhost' }],
    security: [{ bearer: [] }, { cookie: [], csrf: [] }],
    paths: pathsOf(ROUTES),
    components: { schemas: components(), securitySchemes: SECURITY_SCHEMES },
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

const DESCRIPTION =
  'Served on a socket file, where whoever may open it is the operator, and on a loopback port, where a session is needed. ' +
  'Times are milliseconds since 1970. Every failure is a problem (RFC 9457) with a code of a closed list. ' +
  'Calls that change something are recorded with their author.';

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'From openSession with `as: bearer`. On the port only.' },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: '__Host-sallyport-PORT',
    description: 'From openSession with `as: cookie`. PORT is that of admin.address.',
  },
  csrf: {
    type: 'apiKey',
    in: 'header',
    name: 'sallyport-csrf',
    description: 'Beside the cookie, in calls that change something.',
  },
};

function pathsOf(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operationOf(route);
  }
  return paths;
}

function operationOf(route: Route): object {
  const { operation, summary, access, body, answer } = route;
  const parameters = parametersOf(route);
  return {
    operationId: operation,
    summary,
    ...(access === 'session' ? {} : { security: [] }),
    ...(access === 'socket' ? { description: 'Over the socket only.' } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: jsonOf(body, 'application/json') } }),
    responses: {
      200: { description: 'Done.', content: jsonOf(answer, 'application/json') },
      ...Object.fromEntries(failuresOf(route)),
    },
  };
}

function failuresOf(route: Route): readonly (readonly [string, object])[] {
  const codes = problemsOf(route);
  const statuses = [...new Set(codes.map((code) => PROBLEM_STATUS[code]))].toSorted((left, right) => left - right);
  return statuses.map((status) => {
    const own = codes.filter((code) => PROBLEM_STATUS[code] === status);
    const description = `${http.STATUS_CODES[status] ?? ''}: ${own.join(', ')}`;
    return [String(status), { description, content: jsonOf(problemAnswer, 'application/problem+json') }] as const;
  });
}

function parametersOf({ path, query }: Route): readonly object[] {
  const parameters: object[] = [];
  if (path.endsWith('/{id}')) {
    const schema = { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,64}$' };
    parameters.push({ name: 'id', in: 'path', required: true, schema });
  }
  if (query === undefined) return parameters;
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  for (const [name, schema] of Object.entries(properties)) {
    parameters.push({ name, in: 'query', required: required.includes(name), schema });
  }
  return parameters;
}

function jsonOf(schema: z.ZodType, type: string): object {
  const id = SCHEMAS.get(schema)?.id;
  if (id === undefined) throw new Error('a schema of the API has no name');
  return { [type]: { schema: { $ref: `${COMPONENTS}${id}` } } };
}

const COMPONENTS = '#/components/schemas/';

function components(): object {
  const { schemas } = z.toJSONSchema(SCHEMAS, { uri: (id) => `${COMPONENTS}${id}`, io: 'input' });
  return Object.fromEntries(
    Object.entries(schemas).map(([id, { $id: _id, $schema: _schema, ...schema }]) => [id, schema]),
  );
}
