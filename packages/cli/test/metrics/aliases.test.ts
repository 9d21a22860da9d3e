import { MetricsRegistry, renderMetrics } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { ALIASES, withAliases } from '../../src/metrics/aliases.ts';

/** Lines of an exposition that begin with `name`. */
function linesOf(registry: MetricsRegistry, name: string): readonly string[] {
  return renderMetrics(withAliases(registry.snapshot()))
    .split('\n')
    .filter((line) => line.startsWith(name));
}

describe('second names of metrics', () => {
  test('there is one for everything that is asked for, or the name itself (R4.12)', () => {
    const asked = [...ALIASES.map((alias) => alias.asked), 'system.memory.usage'];
    expect(asked.toSorted()).toEqual([
      'app.errors.rate',
      'app.requests.rate',
      'app.response.time',
      'security.blocked_requests',
      'security.failed_logins',
      'system.cpu.usage',
      'system.memory.usage',
    ]);
    const endings = { counter: '_total', histogram: '_seconds', gauge: '' };
    for (const { name, type } of ALIASES) expect(name.endsWith(endings[type])).toBe(true);
  });

  test('adds up the series that are meant, and no others', () => {
    const registry = new MetricsRegistry();
    const responses = registry.counter('gateway_http_responses_total', 'R.', ['route', 'class']);
    responses.with('a', '2xx').add(5);
    responses.with('a', '5xx').add(2);
    responses.with('b', '5xx').add(1);
    responses.with('class="5xx"', '4xx').add(10);
    responses.with('c', 'none').add(1);
    expect(linesOf(registry, 'app_requests_total')).toEqual(['app_requests_total 19']);
    expect(linesOf(registry, 'app_errors_total')).toEqual(['app_errors_total 3']);
  });

  test('counts refused proofs at both doors', () => {
    const registry = new MetricsRegistry();
    const attempts = registry.counter('gateway_auth_attempts_total', 'A.', ['method', 'result']);
    attempts.with('access-jwt', 'ok').add(7);
    attempts.with('access-jwt', 'refused').add(2);
    registry.counter('sallyport_admin_wrong_credentials_total', 'W.').with().add(3);
    expect(linesOf(registry, 'security_failed_logins_total')).toEqual(['security_failed_logins_total 5']);
  });

  test('time that a processor waits is no usage', () => {
    const registry = new MetricsRegistry();
    const cpu = registry.counter('system_cpu_time_seconds_total', 'C.', ['mode']);
    for (const mode of ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal']) cpu.with(mode).add(1);
    expect(linesOf(registry, 'system_cpu_usage_seconds_total')).toEqual(['system_cpu_usage_seconds_total 6']);
  });

  test('a histogram keeps its buckets, whatever its labels were', () => {
    const registry = new MetricsRegistry();
    const times = registry.histogram('http_server_request_duration_seconds', 'T.', {
      buckets: [0.5, 1],
      labels: ['http_route'],
    });
    times.with('a').observe(0.25);
    times.with('b').observe(0.75);
    times.with('b').observe(2);
    expect(linesOf(registry, 'app_response_time_seconds')).toEqual([
      'app_response_time_seconds_bucket{le="0.5"} 1',
      'app_response_time_seconds_bucket{le="1"} 2',
      'app_response_time_seconds_bucket{le="+Inf"} 3',
      'app_response_time_seconds_sum 3',
      'app_response_time_seconds_count 3',
    ]);
  });

  test('a sum of fractions does not fall when series change their order', () => {
    const inOrder = (values: readonly number[]): readonly string[] => {
      const registry = new MetricsRegistry();
      const cpu = registry.counter('system_cpu_time_seconds_total', 'C.', ['mode']);
      const modes = ['user', 'nice', 'system'];
      for (const [place, value] of values.entries()) cpu.with(modes[place] ?? '').add(value);
      return linesOf(registry, 'system_cpu_usage_seconds_total');
    };
    expect(inOrder([0.1, 0.2, 0.3])).toEqual(inOrder([0.3, 0.2, 0.1]));
  });

  test('without its sources it is 0', () => {
    expect(linesOf(new MetricsRegistry(), 'app_')).toContain('app_response_time_seconds_bucket{le="+Inf"} 0');
  });
});
