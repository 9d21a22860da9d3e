import type * as NodeHttp from 'node:http';

/**
 * `node:http` as a value. An `import` of it by name reads everything it exports, which loads its WebSocket and EventSource: the
 * whole of undici, tens of milliseconds and some megabytes in every thread, for what is never used.
 */
export const http: typeof NodeHttp = process.getBuiltinModule('node:http');
