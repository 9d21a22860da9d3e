import { describe, expect, test } from 'vitest';
import { bytesOf, cpuCoresMax, cpuTimes, ownGroup, throttledSeconds } from '../../src/metrics/kernel-figures.ts';
import { filesMaxOf } from '../../src/metrics/process-metrics.ts';

describe('figures of the kernel', () => {
  test('the time of all cores by mode, with what guests take in it once', () => {
    const stat = 'cpu  200 100 300 4000 50 0 20 10 150 0\ncpu0 100 50 150 2000 25 0 10 5 75 0\nintr 1 2\n';
    expect(Object.fromEntries(cpuTimes(stat))).toEqual({
      user: 2,
      nice: 1,
      system: 3,
      idle: 40,
      iowait: 0.5,
      irq: 0,
      softirq: 0.2,
      steal: 0.1,
    });
  });

  test.each([undefined, '', 'cpu0 1 2 3\n', 'cpu  a b c\n'])('no time is made up from %j', (stat) => {
    expect(cpuTimes(stat).size).toBe(0);
  });

  test.each([
    ['0::/system.slice/sallyport.service\n', '/sys/fs/cgroup/system.slice/sallyport.service'],
    ['0::/\n', '/sys/fs/cgroup'],
    ['4:memory:/a\n0::/b\n', '/sys/fs/cgroup/b'],
    ['0::/../other\n', undefined],
    ['4:memory:/a\n', undefined],
    [undefined, undefined],
  ])('the control group in %j is %j', (text, folder) => {
    expect(ownGroup(text)).toBe(folder);
  });

  test.each([
    ['536870912\n', 536_870_912],
    ['max\n', undefined],
    [undefined, undefined],
  ])('the bytes in %j are %j', (text, bytes) => {
    expect(bytesOf(text)).toBe(bytes);
  });

  test.each([
    ['150000 100000\n', 1.5],
    ['max 100000\n', undefined],
    ['1 0\n', undefined],
    [undefined, undefined],
  ])('the cores in %j are %j', (text, cores) => {
    expect(cpuCoresMax(text)).toBe(cores);
  });

  test.each([
    ['usage_usec 5\nnr_throttled 2\nthrottled_usec 1500000\n', 1.5],
    ['usage_usec 5\n', undefined],
    [undefined, undefined],
  ])('the seconds throttled in %j are %j', (text, seconds) => {
    expect(throttledSeconds(text)).toBe(seconds);
  });

  test.each([
    [
      'Limit Soft Limit Hard Limit Units\nMax open files            1024                 4096                 files\n',
      1_024,
    ],
    ['Max open files            unlimited            unlimited            files\n', undefined],
    [undefined, undefined],
  ])('the most open files in %j are %j', (text, max) => {
    expect(filesMaxOf(text)).toBe(max);
  });
});
