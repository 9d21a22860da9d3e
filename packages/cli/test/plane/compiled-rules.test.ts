import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { type CompiledRulesStore, loadConfig, RuleImages, type SallyportConfig } from '@sallyport/control';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCompiledRules } from '../../src/plane/compiled-rules.ts';
import { writeInspectingConfig } from './inspecting-config.ts';

let base = '';
let problems: string[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-compiled-'));
  problems = [];
  writeFileSync(join(base, 'words.data'), 'passwd\n');
  writeFileSync(join(base, 'own.conf'), 'SecRule ARGS "@pmFromFile words.data" "id:10,phase:2,deny,status:403"\n');
  writeInspectingConfig(base);
});

afterEach(() => {
  rmSync(base, { recursive: true });
});

const folder = (): string => join(base, 'state', 'compiled-rules');

function open(): CompiledRulesStore | undefined {
  return openCompiledRules(join(base, 'state'), (problem) => problems.push(problem));
}

/** Loads as a new process does, and says what the store was asked. */
function start(): { readonly config: SallyportConfig; readonly saved: number } {
  let saved = 0;
  const openStore = (): CompiledRulesStore | undefined => {
    const store = open();
    if (store === undefined) return undefined;
    return {
      load: (sources) => store.load(sources),
      save: (ruleSet) => {
        saved += 1;
        store.save(ruleSet);
      },
    };
  };
  const loaded = loadConfig({
    path: join(base, 'sallyport.yaml'),
    environment: {},
    ruleImages: new RuleImages({ openStore }),
  });
  if (!loaded.ok) throw new Error(loaded.problems.map(({ problem }) => problem).join('\n'));
  return { config: loaded.config, saved };
}

/** The only file that was kept. */
function keptFile(): string {
  const [name = ''] = readdirSync(folder());
  return join(folder(), name);
}

describe('compiled rules', () => {
  it('are found by the next process, the same and with their tables shared', () => {
    const first = start();
    const second = start();
    expect([first.saved, second.saved, problems]).toEqual([1, 0, []]);
    expect(second.config.ruleSets).toEqual(first.config.ruleSets);
    const [ruleSet] = second.config.ruleSets.values();
    expect(ruleSet?.image.bytes.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('are compiled anew when a rule file says something else', () => {
    start();
    writeFileSync(join(base, 'own.conf'), 'SecRule ARGS "@pmFromFile words.data" "id:10,phase:2,deny,status:418"\n');
    expect(start().saved).toBe(1);
    expect(readdirSync(folder())).toHaveLength(2);
  });

  it('are compiled anew when a file that rules name says something else', () => {
    const [before] = start().config.ruleSets.keys();
    writeFileSync(join(base, 'words.data'), 'shadow\n');
    const { config, saved } = start();
    expect(saved).toBe(1);
    expect([...config.ruleSets.keys()]).not.toContain(before);
    expect(readdirSync(folder())).toHaveLength(1);
  });

  it('are kept although a process with the same number was killed while it wrote, as in a container', () => {
    start();
    renameSync(keptFile(), `${keptFile()}.${process.pid}-${threadId}`);
    expect([start().saved, start().saved, problems]).toEqual([1, 0, []]);
    expect(readdirSync(folder())).toHaveLength(1);
  });

  const spoilt: readonly [string, string, () => void][] = [
    [
      'has lost its end',
      'its bytes have changed',
      () => writeFileSync(keptFile(), readFileSync(keptFile()).subarray(0, -1)),
    ],
    [
      'differs in one bit',
      'its bytes have changed',
      () => {
        const bytes = readFileSync(keptFile());
        const middle = bytes.length >> 1;
        bytes[middle] = (bytes[middle] ?? 0) ^ 1;
        writeFileSync(keptFile(), bytes);
      },
    ],
    ['is empty', 'its bytes have changed', () => writeFileSync(keptFile(), '')],
    ['may be opened by others', 'others may open it', () => chmodSync(keptFile(), 0o644)],
    [
      'is a link',
      'ELOOP',
      () => {
        const path = keptFile();
        renameSync(path, join(base, 'elsewhere'));
        symlinkSync(join(base, 'elsewhere'), path);
      },
    ],
  ];

  it.each(spoilt)('are compiled anew and written again when the file %s', (_what, why, spoil) => {
    const { config } = start();
    spoil();
    const again = start();
    expect(again.saved).toBe(1);
    expect(again.config.ruleSets).toEqual(config.ruleSets);
    expect(problems).toEqual([expect.stringContaining(why)]);
    expect(start().saved).toBe(0);
  });

  it('are not kept in a folder that others may open', () => {
    start();
    chmodSync(folder(), 0o755);
    expect(start().saved).toBe(0);
    expect(problems).toEqual([expect.stringContaining('may be opened by others (mode 0755)')]);
  });

  it('are not kept when nobody can say what made them', () => {
    const store = openCompiledRules(
      join(base, 'state'),
      (problem) => problems.push(problem),
      () => {
        throw new Error("ENOENT: no such file or directory, scandir '/opt/sallyport/dist'");
      },
    );
    expect(store).toBeUndefined();
    expect(problems).toEqual([
      "compiled rules are not kept: ENOENT: no such file or directory, scandir '/opt/sallyport/dist'",
    ]);
  });

  it('are forgotten, the oldest first, when there are more than 32', () => {
    const [ruleSet] = start().config.ruleSets.values();
    const store = open();
    if (ruleSet === undefined || store === undefined) throw new Error('nothing was kept');
    for (let index = 0; index < 40; index += 1)
      store.save({ ...ruleSet, madeOf: { ...ruleSet.madeOf, sources: `sources ${index}` } });
    expect(readdirSync(folder())).toHaveLength(32);
    expect(store.load('sources 39')?.madeOf.sources).toBe('sources 39');
    expect(problems).toEqual([]);
  });
});
