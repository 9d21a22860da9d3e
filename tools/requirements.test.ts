import { describe, expect, test } from 'vitest';
import {
  type Citation,
  citationsIn,
  coverageOf,
  opensSocket,
  type ProofKind,
  type ProofState,
  type Requirement,
  renderRequirements,
} from './requirements.ts';
import { scan } from './source/scan.ts';

describe('citations of requirements', () => {
  test.each([
    ['in the name of a test', "test('denies it (R1.13)', () => {});", [['R1.13', 'denies it']]],
    [
      'of two rows',
      "test('denies it (R1.13, R4.15a)', f);",
      [
        ['R1.13', 'denies it'],
        ['R4.15a', 'denies it'],
      ],
    ],
    ['in a template', 'test(`denies ${a} (R0.5)`, f);', [['R0.5', '']]],
    [
      'in two strings',
      "describe('a (R0.5)', () => {\n  test('b (R0.6)', f);\n});",
      [
        ['R0.5', 'a'],
        ['R0.6', 'b'],
      ],
    ],
  ])('are found %s', (_, text, expected) => {
    const found = citationsIn('a.test.ts', scan(text), 'unit');
    expect(found.map(({ row, name }) => [row, name.trim()])).toEqual(expected);
  });

  test('say whether they are about a part', () => {
    const found = citationsIn('a.test.ts', scan("test('a (part of R0.5, R0.6) (R0.7)', f);"), 'unit');
    expect(found.map(({ row, name, isPart }) => [row, name, isPart])).toEqual([
      ['R0.5', 'a', true],
      ['R0.6', 'a', true],
      ['R0.7', 'a', false],
    ]);
  });

  test('are refused in another form, which would prove nothing', () => {
    const scanned = scan("\ntest('R0.5: a', f);");
    expect(() => citationsIn('a.test.ts', scanned, 'unit')).toThrow('a.test.ts:2 cites a row in front');
  });

  test('are not found in comments', () => {
    expect(citationsIn('a.test.ts', scan('// (R0.5)'), 'unit')).toEqual([]);
  });
});

describe('the coverage of requirements', () => {
  const cite = (row: string, kind: ProofKind): Citation => ({
    row,
    path: 'a.test.ts',
    line: 7,
    name: 'denies it',
    kind,
    isPart: false,
  });
  const part = (row: string, kind: ProofKind): Citation => ({ ...cite(row, kind), isPart: true });
  const exists = (path: string): boolean => path === 'docs/there.md';

  const traffic: Requirement = { row: 'R1.1', title: 'a', proof: 'traffic' };
  const other: Requirement = { row: 'R1.1', title: 'a', proof: 'other' };
  const document: Requirement = { row: 'R1.1', title: 'a', proof: 'document', document: 'docs/there.md' };

  test.each<[string, Requirement, readonly Citation[], ProofState]>([
    ['traffic without a test', traffic, [], 'open'],
    ['traffic with a unit test', traffic, [cite('R1.1', 'unit')], 'open'],
    ['traffic through a socket', traffic, [cite('R1.1', 'socket')], 'proven'],
    ['traffic through a process', traffic, [cite('R1.1', 'process')], 'proven'],
    ['a part of traffic', traffic, [part('R1.1', 'process'), cite('R1.1', 'unit')], 'in part'],
    ['a part and the whole', traffic, [part('R1.1', 'process'), cite('R1.1', 'process')], 'proven'],
    ['something else with a unit test', other, [cite('R1.1', 'unit')], 'proven'],
    ['something else without a test', other, [], 'open'],
    ['a document that is there', document, [], 'proven'],
    ['a document that is not', { ...document, document: 'docs/gone.md' }, [], 'open'],
  ])('judges %s', (_, requirement, citations, state) => {
    expect(coverageOf([requirement], citations, exists)[0]?.state).toBe(state);
  });

  test('refuses a citation of a row that does not exist', () => {
    const rows: readonly Requirement[] = [{ row: 'R1.1', title: 'a', proof: 'other' }];
    expect(() => coverageOf(rows, [cite('R9.9', 'unit')], exists)).toThrow(
      'a.test.ts:7 cites R9.9, which is no requirement',
    );
  });

  test('is shown with its proofs', () => {
    const rows: readonly Requirement[] = [
      { row: 'R1.1', title: 'a', proof: 'traffic' },
      { row: 'R1.2', title: 'b', proof: 'other' },
    ];
    const text = renderRequirements(coverageOf(rows, [cite('R1.1', 'socket')], exists));
    expect(text).toContain('Of 2 rows 1 are proven, 0 in part, and 1 are open.');
    expect(text).toContain('| R1.1 | a | proven | socket: a.test.ts: denies it |');
    expect(text).toContain('| R1.2 | b | open |  |');
  });
});

describe('the kind of a test', () => {
  test.each([
    ['that connects', "import { connect } from 'node:net';\nconnect(1);", true],
    ['that listens', "import { createServer } from 'node:http';\ncreateServer().listen(0);", true],
    ['that opens a WebSocket', "import { WebSocket } from 'ws';\nnew WebSocket(url);", true],
    ['that needs only a type', "import type { Socket } from 'node:net';\nconnect(1);", false],
    ['that imports and does nothing', "import { isIP } from 'node:net';\nisIP(a);", false],
    ['that listens to events', "import { a } from './a.ts';\na.listen(0);", false],
  ])('%s is recognised', (_, text, expected) => {
    expect(opensSocket(scan(text))).toBe(expected);
  });
});
