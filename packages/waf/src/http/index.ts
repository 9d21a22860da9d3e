/**
 * A middleware for plain `node:http`, and for frameworks that take such functions.
 *
 * @module
 */
export { INSPECT_BEGINNING_ONLY, type WafMiddleware, type WafMiddlewareOptions, wafMiddleware } from './middleware.ts';
