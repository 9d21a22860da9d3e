import { describe, it } from 'vitest';
import { BAD, GOOD, OTHER } from './configs.ts';
import { CONTROL_PLANE_CONTRACT } from './control-plane-contract.ts';
import { MemoryPlane } from './memory-plane.ts';

describe('the control plane of tests', () => {
  it.each(CONTROL_PLANE_CONTRACT)('$name', async ({ check }) => {
    const plane = new MemoryPlane(GOOD);
    const configure = (text: string): void => {
      plane.text = text;
    };
    await check({ plane, configure, texts: { good: GOOD, other: OTHER, bad: BAD } });
  });
});
