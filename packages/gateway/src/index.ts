/**
 * The data plane: from an accepted socket to the event that says what happened.
 *
 * @module
 */
export { Acceptor, type AcceptorOptions, type SocketTaker } from './acceptor/acceptor.ts';
export { type Descriptors, openDescriptors } from './acceptor/descriptors.ts';
export { numberOf } from './acceptor/number-of.ts';
export { type SharedDoor, SharedDoors } from './acceptor/shared-doors.ts';
export type { TurnedAway } from './acceptor/turned-away.ts';
export type { OpenConnection, OpenConnectionQuery, OpenConnections } from './command-desk.ts';
export { SystemEmitter } from './emit/system-emitter.ts';
export { Gateway, type Readiness } from './gateway.ts';
export type { GatewayDeps } from './gateway-deps.ts';
export { checkSocketFile } from './listener/bind.ts';
export { compilePolicy, type PolicyImage } from './pipeline/policy.ts';
export type { SharedCounts } from './shared-counts.ts';
export type { UpstreamStatus } from './upstream/port.ts';
