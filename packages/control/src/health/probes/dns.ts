import { Resolver } from 'node:dns/promises';
import { looked, type Probe, ProbeError } from '../probe.ts';
import type { DnsTarget } from '../service.ts';

/** Whether a name has records, and those that it should have. Asked of a resolver, never of the files of the machine. */
export function dnsProbe(target: DnsTarget): Probe {
  return {
    check: (signal) =>
      looked(signal, async () => {
        signal.throwIfAborted();
        // One try: the next check is the next one.
        const resolver = new Resolver({ timeout: RESOLVER_MS, tries: 1 });
        if (target.server !== undefined) resolver.setServers([target.server]);
        const cancel = (): void => resolver.cancel();
        signal.addEventListener('abort', cancel);
        try {
          const found = await answersOf(resolver, target);
          const missing = target.expected.filter((value) => !found.includes(normal(value, target)));
          if (missing.length > 0)
            throw new ProbeError('CONTENT', `${missing.length} of ${target.expected.length} missing`);
        } finally {
          signal.removeEventListener('abort', cancel);
        }
      }),
  };
}

async function answersOf(resolver: Resolver, { host, type }: DnsTarget): Promise<readonly string[]> {
  switch (type) {
    case 'A':
      return resolver.resolve4(host);
    case 'AAAA':
      return resolver.resolve6(host);
    case 'SRV':
      return (await resolver.resolveSrv(host)).map(({ name, port }) => `${name.toLowerCase()}:${port}`);
    case 'TXT':
      return (await resolver.resolveTxt(host)).map((parts) => parts.join(''));
  }
}

/** Addresses and names are compared as the resolver writes them. */
function normal(value: string, { type }: DnsTarget): string {
  if (type === 'TXT') return value;
  if (type !== 'AAAA') return value.toLowerCase();
  return URL.parse(`http://[${value}]`)?.hostname.slice(1, -1) ?? value;
}

/** The check itself ends earlier; this is for a resolver that nobody cancels. */
const RESOLVER_MS = 60_000;
