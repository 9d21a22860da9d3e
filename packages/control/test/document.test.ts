import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigDocument } from '../src/config/document.ts';

describe('what stands where', () => {
  const document = parseConfigDocument('version: 1\nlisteners:\n  - name: a\n    address: 127.0.0.1:1\n');

  it.each([
    [[], 1, 1],
    [['version'], 1, 10],
    [['listeners', 0, 'address'], 4, 14],
    [['listeners', 0, 'missing'], 3, 5],
    [['nowhere', 'at', 'all'], 1, 1],
  ])('puts %j at %i:%i', (path, line, column) => {
    expect(document.positionOf(path)).toEqual({ line, column });
  });

  it('knows the position of a key as well', () => {
    expect(document.keyPositionOf(['listeners', 0, 'address'])).toEqual({ line: 4, column: 5 });
  });
});

describe('what a configuration may not hold', () => {
  it.each([
    ['an alias', 'a: &x 1\nb: *x', 'b', 'is an alias; anchors and aliases are not allowed, write it out'],
    ['an anchor', 'a: &x 1', 'a', 'has an anchor; anchors and aliases are not allowed'],
    ['a tag', 'a: !x 1', 'a', 'has a tag; tags are not allowed'],
    ['a tag of YAML itself', 'a: !!str 1', 'a', 'has a tag; tags are not allowed'],
    ['binary data', 'a: !!binary aGk=', 'a', 'has a tag; tags are not allowed'],
    ['a key twice', 'a: 1\na: 2', 'a', 'stands here a second time'],
    ['a key that changes prototypes', '__proto__: 1', '__proto__', 'is not a key'],
    ['a list as a key', '[a]: 1', '', 'holds a key that is not text'],
    ['a second document', 'a: 1\n---\nb: 2', '', 'begins a second document; a configuration is one'],
    ['depth', '['.repeat(40) + ']'.repeat(40), '', 'is nested too deeply'],
  ])('refuses %s', (_, text, key, problem) => {
    const { faults } = parseConfigDocument(text);
    expect(faults.map((fault) => fault.problem)).toContain(problem);
    if (key !== '') expect(faults.map((fault) => fault.path)).toContainEqual([key]);
  });

  it('does not unfold aliases that would fill the memory', () => {
    const levels = Array.from(
      { length: 30 },
      (_, level) => `l${level}: &l${level} [${`*l${level - 1},`.repeat(level === 0 ? 0 : 10)}]`,
    );
    const { faults } = parseConfigDocument(levels.join('\n'));
    expect(faults.length).toBeGreaterThan(0);
  });

  it.each(['[', '{a: ', '- ', '? '])('survives depth that no stack holds, of %j', (opening) => {
    expect(parseConfigDocument(opening.repeat(20_000)).faults.length).toBeGreaterThan(0);
  });

  it('does not merge', () => {
    expect(parseConfigDocument('a: { b: 1 }\n"<<": 2').value).toEqual({ a: { b: 1 }, '<<': 2 });
  });
});

it('reads numbers, truths and texts as YAML 1.2 has them', () => {
  expect(parseConfigDocument('[1, 1.5, true, yes, no, null, ~, 010, "x"]').value).toEqual([
    1,
    1.5,
    true,
    'yes',
    'no',
    null,
    null,
    10,
    'x',
  ]);
});

it('never throws, whatever the text', () => {
  const yamlish = fc.array(
    fc.constantFrom(
      'a: ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&x ',
      '*x',
      '!t ',
      '"',
      "'",
      '\n',
      '  ',
      '\t',
      '#',
      '? ',
      '--- ',
      '| ',
      '<<: ',
      'v',
      ',',
      '%YAML',
    ),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        yamlish.map((parts) => parts.join('')),
        fc.string({ unit: 'binary', maxLength: 200 }),
      ),
      (text) => {
        const { faults, value } = parseConfigDocument(text);
        return faults.length > 0 || value !== undefined;
      },
    ),
    { numRuns: 500 },
  );
});
