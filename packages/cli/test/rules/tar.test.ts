import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readTarGz } from '../../src/rules/tar.ts';
import { paxRecord, type TarEntry, tarGz } from './release-server.ts';

const GOOD: readonly TarEntry[] = [
  { path: 'pax_global_header', kind: 'g', text: paxRecord('comment', 'abc') },
  { path: 'crs-1/', kind: '5' },
  { path: 'crs-1/rules/', kind: '5' },
  { path: 'crs-1/rules/a.conf', text: 'one' },
  { path: 'b.data', prefix: 'crs-1/rules', text: 'x'.repeat(2_000) },
  { path: 'PaxHeader', kind: 'x', text: paxRecord('path', 'crs-1/a/long/name') + paxRecord('mtime', '1') },
  { path: 'short', text: '' },
  { path: 'crs-1/.hidden', text: 'h' },
];

function problemOf(bytes: Uint8Array): string | undefined {
  const result = readTarGz(bytes);
  return result.kind === 'problem' ? result.message : undefined;
}

describe('an archive', () => {
  test('gives its files below its one folder', () => {
    const result = readTarGz(tarGz(GOOD));
    const files = result.kind === 'files' ? result.files : [];
    expect(files.map(({ path, bytes }) => [path, bytes.length])).toEqual([
      ['rules/a.conf', 3],
      ['rules/b.data', 2_000],
      ['a/long/name', 0],
      ['.hidden', 1],
    ]);
  });

  test.each<[string, TarEntry, string]>([
    ['a path upwards', { path: 'crs-1/../../etc/x' }, 'the path "crs-1/../../etc/x" is not allowed'],
    ['an absolute path', { path: '/etc/x' }, 'the path "/etc/x" is not allowed'],
    ['an absolute prefix', { path: 'x', prefix: '/etc' }, 'the path "/etc/x" is not allowed'],
    ['a path of Windows', { path: 'crs-1/..\\x' }, 'the path "crs-1/..\\\\x" is not allowed'],
    ['a drive', { path: 'C:/x' }, 'the path "C:/x" is not allowed'],
    ['an empty segment', { path: 'crs-1//x' }, 'the path "crs-1//x" is not allowed'],
    ['a line break', { path: 'crs-1/a\nb' }, 'the path "crs-1/a?b" is not allowed'],
    [
      'a way up in a pax header',
      { path: 'x', kind: 'x', text: paxRecord('path', 'crs-1/../x') },
      'the path "crs-1/../x" is not allowed',
    ],
    ['another folder', { path: 'other/x' }, '"other/x" is outside of its folder "crs-1"'],
    ['no folder', { path: 'crs-1' }, '"crs-1" is outside of any folder'],
    ['the same file again', { path: 'crs-1/rules/A.conf' }, '"crs-1/rules/A.conf" is there twice'],
    ['a symbolic link', { path: 'crs-1/x', kind: '2' }, '"crs-1/x" is neither a file nor a folder'],
    ['a hard link', { path: 'crs-1/x', kind: '1' }, '"crs-1/x" is neither a file nor a folder'],
    ['a device', { path: 'crs-1/x', kind: '3' }, '"crs-1/x" is neither a file nor a folder'],
    ['a long name of GNU', { path: 'crs-1/x', kind: 'L' }, '"crs-1/x" is neither a file nor a folder'],
    ['a size in a pax header', { path: 'x', kind: 'x', text: paxRecord('size', '9') }, 'a pax header changes the size'],
    ['a damaged pax header', { path: 'x', kind: 'x', text: '99 path=x\n' }, 'a pax header is damaged'],
    ['a length that is not there', { path: 'crs-1/x', size: 100_000 }, 'it is cut off'],
    [
      'a path that is too long',
      { path: 'PaxHeader', kind: 'x', text: paxRecord('path', `crs-1/${'x'.repeat(300)}`) },
      `the path "crs-1/${'x'.repeat(74)}" is not allowed`,
    ],
  ])('with %s is not unpacked', (_, entry, message) => {
    expect(problemOf(tarGz([...GOOD, entry, { path: 'crs-1/last' }]))).toBe(message);
  });

  test.each<[string, Buffer, string]>([
    ['that is none', Buffer.from('hello'), 'it is no gzip archive, or cut off'],
    ['that is cut off', tarGz(GOOD).subarray(0, -20), 'it is no gzip archive, or cut off'],
    ['whose tar is cut off', gzipSync(gunzipSync(tarGz(GOOD)).subarray(0, -1024)), 'it is cut off'],
    ['that ends with one block', tarGz(GOOD, { end: Buffer.alloc(512) }), 'it is cut off'],
    [
      'with something behind its end',
      tarGz(GOOD, { end: Buffer.alloc(2048, '\0\0\0x'.padStart(2000, '\0')) }),
      'there is something behind its end',
    ],
    ['without files', tarGz([{ path: 'a/', kind: '5' }]), 'it holds no files'],
    ['with a damaged header', gzipSync(gunzipSync(tarGz(GOOD)).fill('z', 0, 5)), 'the header at byte 0 is damaged'],
    ['that unpacks to too much', gzipSync(Buffer.alloc(67_108_865)), 'it unpacks to more than 67108864 bytes'],
    [
      'with too many files',
      tarGz(Array.from({ length: 5_001 }, (_, index) => ({ path: `a/${index}` }))),
      'it holds more than 5000 files and folders',
    ],
  ])('%s is not unpacked', (_, bytes, message) => {
    expect(problemOf(bytes)).toBe(message);
  });

  test('never throws and never names a path outside, whatever byte is changed', () => {
    const tar = gunzipSync(tarGz(GOOD));
    fc.assert(
      fc.property(fc.nat({ max: tar.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const changed = Buffer.from(tar);
        changed[at] = byte;
        const result = readTarGz(gzipSync(changed, { level: 1 }));
        const paths = result.kind === 'files' ? result.files.map(({ path }) => path) : [];
        expect(paths.filter((path) => path.startsWith('/') || /(?:^|\/)\.\.?(?:\/|$)/.test(path))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
