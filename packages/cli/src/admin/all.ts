import { ADMIN } from './access.ts';
import { AUDIT } from './audit.ts';
import type { AdminCommand } from './command.ts';
import { ATTACK_LEVEL, CONNECTIONS, DRAIN } from './commands.ts';
import { DECISIONS } from './decisions.ts';
import { EVENTS, EXPLAIN } from './events.ts';
import { NOTIFY } from './notify.ts';
import { POLICIES, RELOAD } from './policies.ts';
import { SERVICES } from './services.ts';
import { STATUS, WORKERS } from './status.ts';

/** The commands that ask a running gateway, by name. */
export const ADMIN_COMMANDS: ReadonlyMap<string, AdminCommand> = new Map([
  ['admin', ADMIN],
  ['status', STATUS],
  ['workers', WORKERS],
  ['reload', RELOAD],
  ['policies', POLICIES],
  ['decisions', DECISIONS],
  ['audit', AUDIT],
  ['events', EVENTS],
  ['explain', EXPLAIN],
  ['services', SERVICES],
  ['connections', CONNECTIONS],
  ['attack-level', ATTACK_LEVEL],
  ['notify', NOTIFY],
  ['drain', DRAIN],
]);
