/**
 * The door `control/contract`: the types of the admin API, for a console. Types only; nothing here runs.
 *
 * @module
 */
export type * from './admin/contract.ts';
