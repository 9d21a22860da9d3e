import type { Clock, LineSink } from '@sallyport/kernel';
import { type EventFormat, formatterOf, predicateOf, type Query } from '@sallyport/siem';
import { BufferedSink } from './buffered-sink.ts';
import { FileDriver, type FileDriverOptions } from './file-driver.ts';

/** A sink as plain data: which events, in which form, to where. */
export interface SinkOptions {
  /** Undefined: all events. */
  readonly filter: Query | undefined;
  readonly format: EventFormat;
  readonly file: Omit<FileDriverOptions, 'clock'>;
}

export interface SinkWatch {
  readonly clock: Clock;
  readonly onFailure: (cause: unknown) => void;
  readonly onRecovery: (dropped: number) => void;
}

/** Opens nothing yet: a place that cannot be had now may be there later, and the gateway serves all the same. */
export function openSink({ filter, format, file }: SinkOptions, { clock, onFailure, onRecovery }: SinkWatch): LineSink {
  return new BufferedSink({
    driver: new FileDriver({ ...file, clock }),
    clock,
    selects: filter === undefined ? undefined : predicateOf(filter),
    format: formatterOf(format),
    onFailure,
    onRecovery,
  });
}
