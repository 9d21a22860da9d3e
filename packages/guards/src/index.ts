/**
 * The stages that judge exchanges by who sends them and by what a route accepts. No I/O.
 *
 * @module
 */
export { decisions } from './decisions/stage.ts';
export { DecisionTable } from './decisions/table.ts';
export { LIST_ENTRIES_MAX, type ListsImage, lists } from './lists/stage.ts';
export type { NetworkTable } from './lists/table.ts';
export { type ProtocolConfig, type ProtocolImage, protocol } from './protocol/stage.ts';
