import { describe, expect, it } from 'vitest';
import { renderConfigurationReference, renderJsonSchema } from '../src/index.ts';

describe('the reference', () => {
  const reference = renderConfigurationReference();

  it.each([
    '| `keepAlive` | 1s to 1h | `95s` |',
    '| `profile` | game, alerts, api, webapp | required |',
    '| `messageMax` | 1B to 64MB |  |',
    '## `listeners[].client`: `kind: cloudflare-tunnel`',
    '| `webSocket.messageMax` | 1MB | 10KB | 64KB | 64KB |',
  ])('says %s', (line) => {
    expect(reference).toContain(line);
  });

  it('describes every key', () => {
    for (const row of reference.split('\n').filter((line) => line.startsWith('| `') && !line.includes('`kind`'))) {
      expect(row).not.toMatch(/\|\s*\|$/);
    }
  });
});

describe('the JSON Schema', () => {
  it('describes every key and knows no other', () => {
    const schema: unknown = JSON.parse(renderJsonSchema());
    const sections: unknown[] = [];
    JSON.stringify(schema, (_, value: unknown) => {
      if (typeof value === 'object' && value !== null && Reflect.has(value, 'properties')) sections.push(value);
      return value;
    });
    expect(sections.length).toBeGreaterThan(25);
    for (const section of sections) expect(section).toHaveProperty('additionalProperties', false);
  });
});
