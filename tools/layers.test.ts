import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkLayers } from './layers.ts';

/** A house that breaks every rule once, except `cli`, `waf` and the examples, which break none. */
const BAD: string = fileURLToPath(new URL('fixtures/layers-bad', import.meta.url));

describe('the layer check', () => {
  const found = checkLayers(BAD);

  test.each([
    ['a dependency of the kernel', 'packages/kernel/package.json: kernel has dependencies and may have none'],
    ['Node in the kernel', 'packages/kernel/src/index.ts:1: kernel knows nothing of Node: node:fs'],
    [
      'an arrow inside a ring in a manifest',
      'packages/guards/package.json: guards may not depend on @sallyport/waf: both are in ring 1',
    ],
    [
      'an import inside a ring',
      'packages/guards/src/index.ts:2: guards may not import @sallyport/waf: both are in ring 1',
    ],
    [
      'an import of what is not a door',
      'packages/guards/src/index.ts:1: @sallyport/kernel/src/index.ts is not a door of @sallyport/kernel',
    ],
    [
      'an import outwards that no manifest declares',
      'packages/identity/src/index.ts:1: identity may not import @sallyport/gateway: ring 1 knows nothing of ring 2',
    ],
    [
      'an import of an undeclared library',
      'packages/identity/src/index.ts:2: jose is not declared in packages/identity/package.json',
    ],
    [
      'a path into another package',
      'packages/identity/src/index.ts:3: ../../kernel/src/index.ts leaves the package; use its door',
    ],
    [
      'a second reader of the environment',
      'packages/gateway/src/index.ts:1: only packages/cli/src/environment.ts reads process.env',
    ],
    [
      'a package that knows an example',
      'packages/control/package.json: control may not depend on @sallyport/arena: only cli knows the examples',
    ],
    [
      'a console that knows the kernel',
      'packages/console/package.json: console may not depend on @sallyport/kernel: the console knows @sallyport/control/contract and nothing else',
    ],
    [
      'a console that enters by another door',
      'packages/console/src/index.ts:1: the console knows @sallyport/control/contract and nothing else: @sallyport/control',
    ],
    [
      'a console that imports a value',
      'packages/console/src/index.ts:2: the console imports types only: @sallyport/control/contract',
    ],
    [
      'a package without a ring',
      'packages/common/package.json: common has no ring; packages appear in tools/layers.ts first',
    ],
  ])('refuses %s', (_, message) => {
    expect(found).toContain(message);
  });

  test('finds nothing else in the bad house', () => {
    expect(found).toHaveLength(14);
  });
});
