/**
 * Drivers behind kernel ports.
 *
 * @module
 */
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
