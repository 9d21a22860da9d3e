import type { Probe } from '../probe.ts';
import type { ServiceTarget } from '../service.ts';
import { dnsProbe } from './dns.ts';
import { httpProbe } from './http.ts';
import { postgresProbe } from './postgres.ts';
import { redisProbe } from './redis.ts';
import { socketProbe } from './socket-probes.ts';
import { webSocketProbe } from './websocket.ts';

/** The probe of a kind. Nothing is opened before its first check. */
export function makeProbe(target: ServiceTarget): Probe {
  switch (target.kind) {
    case 'http':
      return httpProbe(target);
    case 'tcp':
    case 'tls':
      return socketProbe(target);
    case 'websocket':
      return webSocketProbe(target);
    case 'redis':
      return redisProbe(target);
    case 'postgres':
      return postgresProbe(target);
    case 'dns':
      return dnsProbe(target);
  }
}
