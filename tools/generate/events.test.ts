import { describe, expect, test } from 'vitest';
import { STAGE_ORDER } from '../../packages/gateway/src/pipeline/order.ts';
import { EVENT_SCHEMA, fieldNamed } from '../../packages/siem/src/index.ts';
import { renderEvents } from './events.ts';

describe('the reference of events', () => {
  test('has a heading, a table and an example for every kind', () => {
    const text = renderEvents();
    for (const [kind, fields] of Object.entries(EVENT_SCHEMA.kinds)) {
      const section = text.slice(text.indexOf(`\n## ${kind}\n`)).split('\n## ')[1] ?? '';
      expect(section).toContain(`"kind": "${kind}"`);
      for (const { name } of fields) expect(section).toContain(`| \`${name}\` |`);
    }
  });

  test.each(STAGE_ORDER)('times the stage %s', (stage) => {
    expect(fieldNamed(`stageUs.${stage}`)?.type).toBe('integer');
  });

  test('gives a name one type, class and unit wherever it stands', () => {
    const shapes = new Map<string, string>();
    for (const { name, type, class: fieldClass, unit } of Object.values(EVENT_SCHEMA.kinds).flat()) {
      const shape = JSON.stringify([type, fieldClass, unit]);
      expect({ name, shape: shapes.get(name) ?? shape }).toEqual({ name, shape });
      shapes.set(name, shape);
    }
  });
});
