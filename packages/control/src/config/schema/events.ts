import { EVENT_FORMATS, type EventFormat, parseQuery, type Query } from '@sallyport/siem';
import { z } from 'zod';
import type { ParseContext } from '../context.ts';
import { addIssue, choiceLeaf, integerLeaf, section, textLeaf } from '../leaf.ts';
import { duration, filePath, name, size } from '../leaves.ts';
import { show } from '../problem.ts';

/** Where events go beside the log and the store. */
export interface EventsConfig {
  readonly sinks: readonly SinkConfig[];
}

/** One place for events. */
export interface SinkConfig {
  readonly name: string;
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
  readonly rotateBytes: number;
  readonly rotateMs: number;
  readonly filesMax: number;
  readonly bytesMax: number;
  readonly format: EventFormat;
  /** Undefined: all events. */
  readonly filter: Query | undefined;
}

/** `events`. Whether a place can be had is known when events come: one that cannot must not keep the gateway from starting. */
export function events(context: ParseContext): z.ZodType<EventsConfig> {
  const sinks = z
    .array(sink(context))
    .max(SINKS_MAX, { error: `has more than ${SINKS_MAX} entries` })
    .meta({
      description:
        'Places that get events whatever is logged. One that is full, slow or gone holds nobody up: what it cannot take is dropped and counted.',
    })
    .transform((list, issues): readonly SinkConfig[] => {
      for (const key of ['name', 'path'] as const) {
        for (const [index, one] of list.entries()) {
          if (list.findIndex((other) => other[key] === one[key]) === index) continue;
          addIssue(issues, `is the ${key} of another sink as well`, { path: [index, key], value: show(one[key]) });
        }
      }
      return list;
    })
    .prefault([]);
  return section('Where events go beside the log and the store.', { sinks }).prefault({});
}

function sink(context: ParseContext): z.ZodType<SinkConfig> {
  return section('One place for events.', {
    name: name('A name of its own; it stands in metrics.'),
    kind: choiceLeaf('`file`: JSON lines in a file.', ['file']),
    path: filePath(
      'The file. It is made for its owner alone, in a folder that is there already; if somebody moves it away, as logrotate does, it is made anew.',
      context,
    ),
    rotate: section('When the file is put aside, under its name with the time behind it.', {
      size: size('Before it becomes larger.', { min: '1MB', max: '10GB' }).prefault('100MB'),
      every: duration('When so much time is over, counted from midnight UTC.', { min: '1m', max: '31d' }).prefault(
        '1d',
      ),
    }).prefault({}),
    keep: section('How much of what was put aside is kept; the oldest goes first.', {
      files: integerLeaf('Most files.', { min: 1, max: 10_000 }).prefault(30),
      total: size('Most bytes of them together.', { min: '1MB', max: '10000GB' }).prefault('2GB'),
    }).prefault({}),
    format: choiceLeaf(
      '`sallyport`: as in the log; `ecs`: Elastic Common Schema; `ocsf`: Open Cybersecurity Schema Framework.',
      EVENT_FORMATS,
    ).prefault('sallyport'),
    filter: filter().optional(),
  }).transform(
    (raw): SinkConfig => ({
      name: raw.name,
      kind: raw.kind,
      path: raw.path,
      rotateBytes: raw.rotate.size,
      rotateMs: raw.rotate.every,
      filesMax: raw.keep.files,
      bytesMax: raw.keep.total,
      format: raw.format,
      filter: raw.filter,
    }),
  );
}

function filter(): z.ZodType<Query> {
  const description = 'Only events for which this holds, in the query language of `sallyport events`. Default: all.';
  return textLeaf({ description, allowed: 'a query such as: verdict = deny or kind != exchange' }, (value) => {
    const parsed = parseQuery(value);
    if (parsed.kind === 'ready') return { ok: true, value: parsed.query };
    const { message, position, suggestion } = parsed.problem;
    const perhaps = suggestion === undefined ? '' : `; perhaps: ${suggestion}`;
    return { ok: false, problem: `is no query: at character ${position + 1}, ${message}${perhaps}` };
  });
}

/** Most sinks: each is offered every event, in one thread. */
const SINKS_MAX = 8;
