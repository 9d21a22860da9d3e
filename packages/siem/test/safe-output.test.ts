import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvCell, shellWord, terminalText } from '../src/index.ts';

/** Texts made of what is dangerous somewhere, and any others. */
const hostile = fc.oneof(
  fc
    .array(
      fc.constantFrom(
        '=',
        '+',
        '-',
        '@',
        '\t',
        '\r',
        '\n',
        '"',
        "'",
        '\\',
        ',',
        ';',
        ' ',
        '\u001b[2J',
        '\u202e',
        '\u2066',
        '\u009b',
        '\u0000',
        '\u2028',
        '$(id)',
        '`id`',
        '!',
        '~',
        '#',
        '*',
        'a',
        '\ud800',
        '\u{e0041}',
        '\uff1d',
        'é',
        '😀',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary', maxLength: 20 }),
);

describe('a text for a terminal', () => {
  it.each([
    ['plain é 😀', 'plain é 😀'],
    ['a\nb\r\n', String.raw`a\u{a}b\u{d}\u{a}`],
    ['\u001b[2J\u009b1m', String.raw`\u{1b}[2J\u{9b}1m`],
    ['user\u202etxt.exe', String.raw`user\u{202e}txt.exe`],
    ['zero\u200bwidth\ufeff', String.raw`zero\u{200b}width\u{feff}`],
    ['tag\u{e0041}', String.raw`tag\u{e0041}`],
    ['line\u2028', String.raw`line\u{2028}`],
    ['half \ud800', String.raw`half \u{d800}`],
    [String.raw`\u{a}`, String.raw`\\u{a}`],
  ])('%j is shown as %s', (text, shown) => {
    expect(terminalText(text)).toBe(shown);
  });

  it('holds nothing that acts, and tells different texts apart', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = terminalText(text);
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(unspelled(shown)).toBe(text);
      }),
      { numRuns: 3_000 },
    );
  });
});

function unspelled(shown: string): string {
  return shown.replaceAll(/\\(?:\\|u\{([0-9a-f]+)\})/g, (_, hex: string | undefined) =>
    hex === undefined ? '\\' : String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}

describe('a cell of a spreadsheet', () => {
  it.each([
    ['plain', 'plain'],
    ['', ''],
    ['=1+1', "'=1+1"],
    ['=HYPERLINK("http://a","b")', `"'=HYPERLINK(""http://a"",""b"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\tx', `"'\tx"`],
    ['\r=1', `"'\r=1"`],
    ['  =1', "'  =1"],
    ['\u0000=1', "'=1"],
    ['\uff1d1', "'\uff1d1"],
    ['a,b', '"a,b"'],
    ['a;b', '"a;b"'],
    ['a"b', '"a""b"'],
    ['a\nb', '"a\nb"'],
    [' a', '" a"'],
  ])('%j is written %s', (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });

  it('is read again as the text, and never begins a formula', () => {
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 1, maxLength: 4 }), (texts) => {
        const cells = cellsOf(texts.map(csvCell).join(','));
        expect(cells).toHaveLength(texts.length);
        for (const [index, cell] of cells.entries()) {
          expect(cell).not.toMatch(/^(?:[\t\r\n]|\s*[=+\-@])/);
          const text = (texts[index] ?? '').replaceAll('\0', '');
          expect([text, `'${text}`]).toContain(cell);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

/** One record of RFC 4180. */
function cellsOf(line: string): readonly string[] {
  const cells = [''];
  let isQuoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (isQuoted && char === '"' && line.charAt(at + 1) === '"') {
      cells.push(`${cells.pop() ?? ''}"`);
      at += 1;
    } else if (char === '"') isQuoted = !isQuoted;
    else if (char === ',' && !isQuoted) cells.push('');
    else cells.push(`${cells.pop() ?? ''}${char}`);
  }
  return cells;
}

describe('a word of a shell', () => {
  it.each([
    ['/static/app.js', '/static/app.js'],
    ['', "''"],
    ['a b', "'a b'"],
    ["it's", `'it'\\''s'`],
    ['$(id)', "'$(id)'"],
    ['a\nb', "'a\nb'"],
    ['~root', "'~root'"],
    ['A=1', "'A=1'"],
    ['a\u0000b', 'ab'],
  ])('%j is written %s', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });

  it('is for a real shell the text itself', () => {
    const texts = fc.sample(hostile, 500).map((text) => text.toWellFormed());
    const { stdout, status } = spawnSync('sh', ['-c', `printf '%s\\0' ${texts.map(shellWord).join(' ')}`]);
    expect(status).toBe(0);
    expect(stdout.toString().split('\0').slice(0, -1)).toEqual(texts.map((text) => text.replaceAll('\0', '')));
  });
});
