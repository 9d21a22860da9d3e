/**
 * The door `stores/log`: the log, to a file or standard output, and from a worker into a ring. It is apart from the stores of
 * events because every worker writes a log, and none reads what was stored.
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
export { openRing, RING_SHARES, ringSink } from './ring-output.ts';
