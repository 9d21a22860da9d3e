/**
 * The data plane: from an accepted socket to the event that says what happened.
 *
 * @module
 */
export { Gateway, type GatewayDeps, type Readiness } from './gateway.ts';
export { compilePolicy, type PolicyImage } from './pipeline/policy.ts';
