import { loadConfig, type NotificationDesk, RuleImages } from '@sallyport/control';
import { CONTROL_PLANE_CONTRACT } from '@sallyport/control/control-plane-contract';
import { memoryFiles } from '@sallyport/control/memory-files';
import { SystemEmitter } from '@sallyport/gateway';
import { type Clock, MetricsRegistry } from '@sallyport/kernel';
import { describe, it } from 'vitest';
import { type CompileResult, compileConfig } from '../../src/plane/compile.ts';
import { controlMetrics } from '../../src/plane/control-metrics.ts';
import { RunningPlane } from '../../src/plane/control-plane.ts';
import { Predecessor } from '../../src/plane/hand-over/predecessor.ts';
import { Policies } from '../../src/plane/policies.ts';
import { AuditTrail } from '../../src/store/audit-trail.ts';
import { FleetRig } from './fleet-rig.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const clock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };

const GOOD = configuration(64);
const TEXTS = { good: GOOD, other: configuration(32), bad: GOOD.replace('profile: game', 'profile: gaem') };

function configuration(kilobytes: number): string {
  return `version: 1
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game, request: { bodyMax: ${kilobytes}KB } }]
`;
}

function compile(text: string, version: number): CompileResult {
  const loaded = loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/f',
    environment: {},
    files: memoryFiles({ '/f': text }),
    nowMs: clock.wallMs(),
  });
  if (!loaded.ok) return loaded;
  return { ok: true, ...compileConfig(loaded.config, { version, previous: undefined }), warnings: [] };
}

async function startPlane(readText: () => string): Promise<{ plane: RunningPlane; rig: FleetRig }> {
  const first = compile(GOOD, 1);
  if (!first.ok) throw new Error('the first configuration is not good');
  const rig = await FleetRig.start({ config: { ...first.config.gateway }, count: 2 });
  const { fleet, decisions } = rig;
  const policies = new Policies({
    clock,
    first,
    file: { path: '/f', environment: {} },
    compile: ({ version }) => Promise.resolve(compile(readText(), version)),
    publish: async (image) => void (await fleet.supervisor.publish(image)),
    onRefused: () => undefined,
    earlier: [],
    onAttempt: () => undefined,
    onPublished: () => undefined,
  });
  const emitter = new SystemEmitter({ node: 'test', sink: { emit: () => undefined }, clock });
  const drain = (): void => undefined;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const metrics = controlMetrics(new MetricsRegistry());
  const { state } = rig;
  const audit = new AuditTrail({ store: state, clock, emitter, log, metrics });
  const services = { list: () => ({ services: [], certificates: [] }), find: () => undefined };
  const notifications: NotificationDesk = {
    overview: async () => ({ channels: [], open: [], dead: [] }),
    test: async () => undefined,
  };
  const nobody = { channel: undefined, log, end: () => undefined, onGone: () => undefined };
  const predecessor = new Predecessor(nobody);
  const parts = { emitter, fleet, policies, predecessor, decisions, state, audit, services, notifications };
  const options = { node: 'test', clock, events: undefined, drain, onAttackLevel: () => undefined, ...parts };
  return { plane: new RunningPlane(options), rig };
}

describe('the control plane of the running gateway', () => {
  it.each(CONTROL_PLANE_CONTRACT)('$name', { timeout: 60_000 }, async ({ check }) => {
    let text = GOOD;
    const { plane, rig } = await startPlane(() => text);
    const configure = (next: string): void => {
      text = next;
    };
    try {
      await check({ plane, configure, texts: TEXTS });
    } finally {
      await rig.fleet.close();
    }
  });
});
