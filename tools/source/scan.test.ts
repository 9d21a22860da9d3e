import { describe, expect, test } from 'vitest';
import { functionsOf } from './functions.ts';
import { importsOf } from './imports.ts';
import { lineOf, scan } from './scan.ts';

describe('scanning TypeScript text', () => {
  test.each([
    ['a line comment', 'a // b "c"\nd', 'a         \nd'],
    ['a block comment over two lines', 'a /* {\n} */ b', 'a     \n     b'],
    ['a string with an escaped quote', String.raw`f('a\'{', b)`, `f('    ', b)`],
    ['a template with a nested one', 'f(`a${g(`{${x}`)}b`)', 'f(` ${g(` ${x}`)} `)'],
    ['braces inside a substitution', '`${{ a: 1 }}`}', '`${{ a: 1 }}`}'],
    ['a regular expression with a quote and a class', `x = /['/"]{2}/g;`, 'x = /        /g;'],
    ['a division', 'a / b / c', 'a / b / c'],
    ['a division behind a parenthesis', '(a) / b / "c"', '(a) / b / " "'],
    ['a regular expression behind return', 'return /"/;', 'return / /;'],
  ])('blanks %s', (_, text, code) => {
    expect(scan(text).code).toBe(code);
  });

  test('gives the lines of positions', () => {
    expect([0, 1, 2, 3].map((at) => lineOf('a\nb\n', at))).toEqual([1, 1, 2, 2]);
  });
});

describe('finding imports', () => {
  test.each([
    [`import { a } from './a.ts';`, './a.ts', false],
    [`import type { A } from './a.ts';`, './a.ts', true],
    [`import { type A, type B } from './a.ts';`, './a.ts', true],
    [`import { type A, b } from './a.ts';`, './a.ts', false],
    [`import './a.ts';`, './a.ts', false],
    [`export { a } from './a.ts';`, './a.ts', false],
    [`export type * from './a.ts';`, './a.ts', true],
    [`const a = await import('./a.ts');`, './a.ts', false],
    [`import { a } from 'x';\nimport type {\n  B,\n} from './a.ts';`, './a.ts', true],
  ])('reads %j', (text, specifier, isTypeOnly) => {
    expect(importsOf(scan(text)).at(-1)).toMatchObject({ specifier, isTypeOnly });
  });

  test.each([
    "const a = Array.from('abc');",
    "// import { a } from 'b';",
    "notImport('b');",
    "a.from('b');",
    'import(`./${a}.ts`);',
  ])('finds none in %j', (text) => {
    expect(importsOf(scan(text))).toEqual([]);
  });
});

describe('finding functions', () => {
  test.each([
    ['a declaration', 'function a(b: string): void {\n}', [['a', 1, 2]]],
    ['an arrow', 'const a = (b: string): string => {\n};', [['(arrow)', 1, 2]]],
    ['a method with an object as return type', 'class A {\n  b(): { c: string } {\n  }\n}', [['b', 2, 3]]],
    [
      'a private method with a generic',
      'class A {\n  #b<T extends C<D>>(c: T): Map<string, T> {\n  }\n}',
      [['#b', 2, 3]],
    ],
    ['a method with a union as return type', 'class A {\n  b(): { c: 1 } | { c: 2 } {\n  }\n}', [['b', 2, 3]]],
    ['a callback', "test('a', () => {\n});", [['(arrow)', 1, 2]]],
    ['no control structure', 'if (a) {\n} else if (b) {\n}\nfor (const a of b) {\n}', []],
    ['no conditional expression', 'const a = b ? c(d) : { e: 1 };', []],
    ['no signature of an interface', 'interface A {\n  b(c: string): void;\n  d(): { e: string };\n}', []],
    ['no contract of tests', "export function runContract(make: () => A): void {\n  describe('a', () => {});\n}", []],
    ['no suite of tests', "describe('a', () => {\n  const b = 1;\n});", []],
  ])('finds %s', (_, text, expected) => {
    expect(functionsOf(scan(text)).map(({ name, from, to }) => [name, from, to])).toEqual(expected);
  });

  test.each([
    ['above it', '// Flat: one guard after the other.\nfunction a(): void {\n}', true],
    ['in a document comment above it', '/**\n * Flat: RFC 9112.\n */\nexport function a(): void {\n}', true],
    ['inside it', 'function a(): void {\n  // Flat: the state machine of RFC 6455.\n}', true],
    ['without a reason', '// Flat:\nfunction a(): void {\n}', false],
    ['of another function', '// Flat: b.\nfunction b(): void {\n}\n\nfunction a(): void {\n}', false],
  ])('knows the comment that explains a length %s', (_, text, isFlat) => {
    expect(functionsOf(scan(text)).at(-1)?.isFlat).toBe(isFlat);
  });
});
