/**
 * Drivers behind kernel ports.
 *
 * @module
 */

export type { Level } from 'pino';
export { eventLevel, eventLine } from './event-line.ts';
export {
  FLUSH_DEADLINE_MS,
  FLUSH_MS,
  LOG_BUFFER_BYTES_MAX,
  openPino,
  type PinoOptions,
  type PinoOutput,
  pinoOn,
} from './pino-sink.ts';
export { openRing, RING_SHARES } from './ring-output.ts';
