/**
 * The control plane: configuration and the operations listener.
 *
 * @module
 */
export type { Environment, Mode } from './config/context.ts';
export { type FileContent, type FileFailure, type FileReader, machineFiles } from './config/files.ts';
export { type LoadOptions, type LoadResult, loadConfig } from './config/load.ts';
export type { SallyportConfig } from './config/parts.ts';
export { formatProblem, type Problem } from './config/problem.ts';
export type { LogConfig, OperationsConfig } from './config/schema/sections.ts';
