import type { Clock, Log } from '@sallyport/kernel';
import type { z } from 'zod';
import type { Caller } from './caller.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Door } from './door.ts';
import type { LinkBook } from './links.ts';
import type { Refusal } from './problem.ts';
import type { SessionBook } from './sessions.ts';

/** What routes stand on. */
export interface AdminContext {
  readonly plane: ControlPlane;
  readonly links: LinkBook;
  readonly sessions: SessionBook;
  readonly clock: Clock;
  readonly log: Log;
  /** Origin of the page that links lead to; undefined without a port. */
  readonly origin: () => string | undefined;
}

/** A call that may be carried out: the caller is known, the body and the query are what the route takes. */
export interface Call<Body, Query> {
  readonly caller: Caller;
  readonly door: Door;
  readonly body: Body;
  readonly query: Query;
  /** What stands in the place of `{id}`; '' where there is no such place. */
  readonly id: string;
}

/** Of what a route answers; `summary` is for the record of unsafe calls and never holds a secret. */
export interface Answer {
  readonly kind: 'answer';
  readonly body: unknown;
  readonly summary?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** It stands in the audit log already, stored together with what it did. */
  readonly isAudited?: boolean;
}

/** Who may call a route. */
export type Access =
  /** Only over the socket. */
  | 'socket'
  /** The operator over the socket, and sessions. */
  | 'session'
  /** Everybody who gets through the door: the call brings its own proof. */
  | 'anybody';

/** `nothing`, an answer at once, or an order that takes its time. */
export type Want = 'nothing' | 'answer' | 'order';

/** One operation of the API, with everything that its document says. */
export interface Route {
  /** Its name in the document and in the record. */
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With at most one place, `{id}`. */
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly query: z.ZodType | undefined;
  readonly body: z.ZodType | undefined;
  readonly answer: z.ZodType;
  /** What it wants of the control plane, and so which accidents there may be: none, a failure, or one that takes for ever. */
  readonly wants: Want;
  /** Problems of its own, beside those that every call may have. */
  readonly problems: readonly Refusal['code'][];
  /** Takes a body and a query that fit the schemas. */
  readonly call: (context: AdminContext, call: Call<unknown, unknown>) => Promise<Answer | Refusal>;
}

export interface RouteOptions<Body, Query> {
  readonly operation: string;
  readonly method: Route['method'];
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  readonly answer: z.ZodType;
  readonly wants: Want;
  readonly problems?: readonly Refusal['code'][];
  readonly call: (context: AdminContext, call: Call<Body, Query>) => Promise<Answer | Refusal> | Answer | Refusal;
}

/** A route whose parts fit each other. */
export function route<Body, Query>(options: RouteOptions<Body, Query>): Route {
  return {
    operation: options.operation,
    method: options.method,
    path: options.path,
    access: options.access,
    summary: options.summary,
    query: options.query,
    body: options.body,
    answer: options.answer,
    wants: options.wants,
    problems: options.problems ?? [],
    call: async (context, call) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The server has parsed both with the schemas above.
      return options.call(context, call as Call<Body, Query>);
    },
  };
}

export function answer(
  body: unknown,
  more: { summary?: string; headers?: Readonly<Record<string, string>>; isAudited?: boolean } = {},
): Answer {
  return { kind: 'answer', body, ...more };
}
