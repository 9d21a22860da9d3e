import { createHash } from 'node:crypto';
import type { RuleProvenance, WafScoring } from '@sallyport/kernel';
import {
  compileWaf,
  type Diagnostic,
  type PackedImage,
  packImage,
  type RuleFiles,
  type RuleSource,
} from '@sallyport/waf';
import { areFilesAsBefore, RecordedFiles } from './rule-files.ts';

/** A compiled rule set, and what it was made of. */
export interface CompiledRuleSet {
  readonly image: PackedImage;
  readonly madeOf: RuleProvenance;
}

/** Compiled rules by their digest, as a policy takes them. */
export type RuleSets = ReadonlyMap<string, CompiledRuleSet>;

export type CompiledRules =
  | { readonly kind: 'compiled'; readonly ruleSet: CompiledRuleSet }
  /** Nobody has compiled them, and it was not to be done here. */
  | { readonly kind: 'missing' }
  | { readonly kind: 'invalid'; readonly diagnostics: readonly Diagnostic[] };

/** Keeps compiled rules from one process to the next. Neither function throws. */
export interface CompiledRulesStore {
  /** What was saved by the same version of the product, by what its rule files say. Files that rules name may have changed. */
  load(sources: string): CompiledRuleSet | undefined;
  save(ruleSet: CompiledRuleSet): void;
}

export interface RuleImagesOptions {
  /** Compiled rules of the policy in force. Default: none. */
  readonly previous?: RuleSets | undefined;
  /** Called at most once, where a folder for state is configured. Default: nothing is kept. */
  readonly openStore?: (stateFolder: string) => CompiledRulesStore | undefined;
  /** What to do with rules that nobody has compiled: compile them (default), or leave them out, see {@link RuleImages.lacksSome}. */
  readonly ifMissing?: 'compile' | 'leaveOut';
}

/**
 * Compiled rules that are taken over from one policy into the next, and from one process into the next: an unchanged rule set
 * is not compiled again.
 */
export class RuleImages {
  readonly #known: CompiledRuleSet[];
  readonly #openStore: RuleImagesOptions['openStore'];
  readonly #ifMissing: 'compile' | 'leaveOut';
  #store: CompiledRulesStore | undefined;
  #lacksSome = false;

  constructor({ previous = new Map(), openStore, ifMissing = 'compile' }: RuleImagesOptions = {}) {
    this.#known = [...previous.values()];
    this.#openStore = openStore;
    this.#ifMissing = ifMissing;
  }

  /** Rules were left out: nothing may be served by what was loaded with these. */
  get lacksSome(): boolean {
    return this.#lacksSome;
  }

  /** From now on what is compiled is kept there, and what was kept there is found. */
  useStateFolder(folder: string): void {
    this.#store ??= this.#openStore?.(folder);
  }

  /** Compiles, or finds what was compiled of the same bytes. */
  compile(sources: readonly RuleSource[], files: RuleFiles): CompiledRules {
    const key = keyOf(sources);
    const isOfThese = ({ madeOf }: CompiledRuleSet): boolean =>
      madeOf.sources === key && areFilesAsBefore(madeOf.files, files);
    const known = this.#known.find(isOfThese);
    if (known !== undefined) return { kind: 'compiled', ruleSet: known };
    const kept = this.#store?.load(key);
    if (kept !== undefined && isOfThese(kept)) return this.#remembered(kept);
    if (this.#ifMissing === 'leaveOut') {
      this.#lacksSome = true;
      return { kind: 'missing' };
    }
    const read = new RecordedFiles(files);
    const result = compileWaf({ rules: sources, files: read });
    if (result.kind === 'invalid') return result;
    const madeOf = { sources: key, files: read.hashes, warnings: result.warnings };
    const ruleSet = { image: packImage(result.image), madeOf };
    this.#store?.save(ruleSet);
    return this.#remembered(ruleSet);
  }

  #remembered(ruleSet: CompiledRuleSet): CompiledRules {
    this.#known.unshift(ruleSet);
    if (this.#known.length > IMAGES_KEPT_MAX) this.#known.pop();
    return { kind: 'compiled', ruleSet };
  }
}

/** Most images kept beside one another; each may have megabytes. */
const IMAGES_KEPT_MAX = 32;

/** What the configuration says about scores, as rules. Rules that set up scores only set what nobody has set before them. */
export function scoringRules(scoring: WafScoring): RuleSource {
  const variables: readonly (readonly [string, number | undefined])[] = [
    ['blocking_paranoia_level', scoring.paranoia],
    ['detection_paranoia_level', scoring.detectionParanoia],
    ['inbound_anomaly_score_threshold', scoring.inboundThreshold],
    ['starter_threshold', scoring.inboundThreshold],
    ['outbound_anomaly_score_threshold', scoring.outboundThreshold],
    ['early_blocking', scoring.isEarlyBlocking === undefined ? undefined : Number(scoring.isEarlyBlocking)],
  ];
  const actions = variables.flatMap(([name, value]) => (value === undefined ? [] : [`setvar:tx.${name}=${value}`]));
  const text =
    actions.length === 0 ? '' : `SecAction "id:${SCORING_ID},phase:1,pass,nolog,t:none,${actions.join(',')}"\n`;
  return { name: 'scoring', text };
}

/**
 * What the gateway decides itself, after everything that rule files say: whether bodies are shown to rules is a matter of
 * the route, and so is how much of them.
 */
export function engineRules(responseTypes: readonly string[]): RuleSource {
  const text = `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit ${ENGINE_BODY_BYTES}
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyAccess On
SecResponseBodyLimit ${ENGINE_BODY_BYTES}
SecResponseBodyLimitAction ProcessPartial
SecResponseBodyMimeType ${responseTypes.length === 0 ? 'none/none' : responseTypes.join(' ')}
`;
  return { name: 'engine', text };
}

/** Ids from 7,090,000 on are ours: exclusions come first. */
const SCORING_ID = 7_099_000;

/** More than the gateway ever hands over: its own limits hold. */
const ENGINE_BODY_BYTES = 1_073_741_824;

function keyOf(sources: readonly RuleSource[]): string {
  const hash = createHash('sha256');
  for (const { name, text } of sources) hash.update(`${name.length} ${text.length}\n${name}${text}`, 'latin1');
  return hash.digest('hex');
}
