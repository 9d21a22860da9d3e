import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
  suggestDuration,
  suggestSize,
} from '../src/config/units.ts';

describe('durations', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['', undefined],
    ['30', undefined],
    ['30S', undefined],
    ['30 s', undefined],
    ['1.5s', undefined],
    ['-1s', undefined],
    ['+1s', undefined],
    ['01s', undefined],
    ['1e3s', undefined],
    ['1s1s', undefined],
    ['٣s', undefined],
    ['999999999999999d', undefined],
  ])('reads %j as %j', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    ['30 sec', '30s'],
    ['5 Minutes', '5m'],
    ['007s', '7s'],
    ['100MS', '100ms'],
    ['30 bananas', undefined],
    ['soon', undefined],
  ])('suggests for %j %j', (text, suggestion) => {
    expect(suggestDuration(text)).toBe(suggestion);
  });

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (ms) => parseDuration(formatDuration(ms)) === ms));
  });
});

describe('sizes', () => {
  it.each([
    ['0B', 0],
    ['512B', 512],
    ['10KB', 10_240],
    ['1MB', 1_048_576],
    ['2GB', 2_147_483_648],
    ['10kb', undefined],
    ['10K', undefined],
    ['10 KB', undefined],
    ['10', undefined],
    ['1.5MB', undefined],
    ['99999999999GB', undefined],
  ])('reads %j as %j', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it('takes the kilobyte of the limits: 10 KB are 10,240 bytes (R1.13)', () => {
    expect(parseSize('10KB')).toBe(10_240);
    expect(formatSize(10_240)).toBe('10KB');
    expect(formatSize(10_241)).toBe('10241B');
  });

  it.each([
    ['10 kb', '10KB'],
    ['1 MiB', '1MB'],
    ['5 bytes', '5B'],
    ['5 stones', undefined],
  ])('suggests for %j %j', (text, suggestion) => {
    expect(suggestSize(text)).toBe(suggestion);
  });

  it('reads what it writes', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes));
  });
});
