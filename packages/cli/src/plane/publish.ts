import type { PolicyImage, SystemEmitter } from '@sallyport/gateway';
import type { ControlMetrics } from './control-metrics.ts';
import type { Fleet } from './fleet.ts';

/** Everywhere or nowhere: what cannot be had is known before anybody judges by the new policy. */
export async function publish(
  fleet: Fleet,
  image: PolicyImage,
  { metrics, emitter, compileMs }: { metrics: ControlMetrics; emitter: SystemEmitter; compileMs: number },
): Promise<void> {
  await fleet.openListeners(image);
  try {
    const { planes, swapMs, prepareMs } = await fleet.supervisor.publish(image);
    const times = `compiled in ${compileMs.toFixed(1)} ms, prepared in ${prepareMs.toFixed(1)} ms, swapped in ${Math.round(swapMs * 1_000)} us`;
    emitter.system('policy-activated', `policy ${image.version} in ${planes} workers, ${times}`);
  } finally {
    fleet.closeOtherListeners(fleet.supervisor.image);
  }
  metrics.version.set(image.version);
  metrics.reloads.with('published').add();
}
