import { PROFILES, type RouteConfig, type WafConfig, type WafExclusion, type WafPolicy } from '@sallyport/kernel';
import { type Diagnostic, exclusionsToRules, type RuleFiles, type RuleSource, starterPack } from '@sallyport/waf';
import type { FileReader } from '../files.ts';
import { type Finding, finding } from '../issues.ts';
import type { Part } from '../parts.ts';
import type { KeyPath, Problem } from '../problem.ts';
import type { RouteDraft } from '../schema/route.ts';
import { fillGeneralWaf, fillWaf, type WafSection } from '../schema/waf.ts';
import { type FoundRules, RecordedFiles, readRules, ruleFilesOf } from './rule-files.ts';
import {
  type CompiledRuleSet,
  type CompiledRules,
  engineRules,
  type RuleImages,
  type RuleSets,
  scoringRules,
} from './rule-images.ts';

/** Inspection as the gateway takes it, and what is wrong with it. */
export interface ResolvedWaf {
  readonly waf: WafConfig;
  readonly routes: readonly RouteConfig[];
  readonly ruleSets: RuleSets;
  readonly findings: readonly Finding[];
  /** About rule files: they have lines of their own. */
  readonly problems: readonly Problem[];
}

export interface ResolveDeps {
  readonly files: FileReader;
  readonly images: RuleImages;
  /** Milliseconds since 1970: exclusions end. */
  readonly nowMs: number;
}

/** Fills in what routes inherit, and compiles each distinct rule set once. */
export function resolveWaf(
  part: Part<WafSection>,
  routes: readonly Part<RouteDraft>[],
  deps: ResolveDeps,
): ResolvedWaf {
  const { policy: general, heldBytesMax, heldPerClientBytesMax } = part.value;
  const resolver = new Resolver(general.exclusions, deps);
  const policy = resolver.resolve(fillGeneralWaf(general), { path: part.path, exclusions: [] });
  const filled = routes.map(({ path, value }): RouteConfig => {
    const at = [...path, 'waf'];
    const base = { defaults: PROFILES[value.profile].waf, requestBytesMax: value.request.bodyBytesMax };
    const own = fillWaf(value.waf, general, base);
    resolver.findings.push(...checkLimits(own, { at, requestBytesMax: base.requestBytesMax, heldPerClientBytesMax }));
    return { ...value, waf: resolver.resolve(own, { path: at, exclusions: own.exclusions }) };
  });
  if (resolver.ruleSets.size > RULE_SETS_MAX) {
    const problem = `makes ${resolver.ruleSets.size} different rule sets of its own and the routes' settings`;
    resolver.findings.push(
      finding(part.path, problem, { isAboutKey: true, allowed: `at most ${RULE_SETS_MAX}: let routes share settings` }),
    );
  }
  return {
    waf: { policy, heldBytesMax, heldPerClientBytesMax },
    routes: filled,
    ruleSets: resolver.ruleSets,
    findings: unique(resolver.findings, ({ path, problem }) => JSON.stringify([path, problem])),
    problems: unique(resolver.problems, ({ file, line, problem }) => JSON.stringify([file, line, problem])),
  };
}

/** Most rule sets of one configuration: each holds tables of its own, for the CRS some ten megabytes. */
const RULE_SETS_MAX = 16;

/** Where a policy stands, and which exclusions it has beside the general ones. */
interface Place {
  readonly path: KeyPath;
  readonly exclusions: readonly WafExclusion[];
}

class Resolver {
  readonly findings: Finding[] = [];
  readonly problems: Problem[] = [];
  readonly ruleSets = new Map<string, CompiledRuleSet>();
  readonly #general: readonly WafExclusion[];
  readonly #deps: ResolveDeps;
  /** By the paths of the rules: thousands of routes share them, and all of one configuration are of the same bytes. */
  readonly #found = new Map<string, ReadRules>();
  /** By all that a rule set is made of. */
  readonly #compiled = new Map<string, CompiledRules>();

  constructor(general: readonly WafExclusion[], deps: ResolveDeps) {
    this.#general = general;
    this.#deps = deps;
  }

  /** The policy with its compiled rules; without them when they have errors, which are reported. */
  resolve(policy: WafPolicy, place: Place): WafPolicy {
    const { paranoia, detectionParanoia } = policy.scoring;
    if (paranoia !== undefined && detectionParanoia !== undefined && detectionParanoia < paranoia) {
      this.findings.push(finding([...place.path, 'detectionParanoia'], 'is less than paranoia'));
    }
    if (policy.mode === 'off') return policy;
    const exclusions = exclusionsToRules([...this.#general, ...place.exclusions], this.#deps.nowMs);
    for (const { severity, index, key, message } of exclusions.problems) {
      const path = [...this.#placeOf(index, place.path), ...(key === undefined ? [] : [key])];
      this.findings.push(finding(path, message, { severity }));
    }
    const found = this.#rulesOf(policy.rules);
    for (const { index, problem, allowed } of found.problems) {
      this.findings.push(finding([...place.path, 'rules', index], problem, { allowed, value: policy.rules[index] }));
    }
    const hasErrors = exclusions.problems.some(({ severity }) => severity === 'error');
    if (hasErrors || found.problems.length > 0) return policy;
    const compiled = this.#compile(policy, exclusions.rules, found);
    if (compiled.kind === 'missing') return policy;
    if (compiled.kind === 'invalid') {
      this.#report(compiled.diagnostics);
      return policy;
    }
    const { image, madeOf } = compiled.ruleSet;
    this.#report(madeOf.warnings);
    this.ruleSets.set(image.digest, compiled.ruleSet);
    return { ...policy, ruleSet: image.digest };
  }

  #rulesOf(paths: readonly string[]): ReadRules {
    const key = JSON.stringify(paths);
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const { files } = this.#deps;
    const read = paths.length === 0 ? starterRules() : { ...readRules(paths, files), files: ruleFilesOf(files) };
    const found = { ...read, files: new RecordedFiles(read.files) };
    this.#found.set(key, found);
    return found;
  }

  #compile({ rules, scoring, response }: WafPolicy, exclusions: RuleSource, found: ReadRules): CompiledRules {
    const key = JSON.stringify([rules, scoring, response.types, exclusions]);
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const engine = engineRules(response.types);
    const sources = [exclusions, ...found.setup, scoringRules(scoring), ...found.rules, engine];
    const compiled = this.#deps.images.compile(sources, found.files);
    this.#compiled.set(key, compiled);
    return compiled;
  }

  #placeOf(index: number, path: KeyPath): KeyPath {
    const isGeneral = index < this.#general.length;
    return isGeneral ? ['waf', 'exclusions', index] : [...path, 'exclusions', index - this.#general.length];
  }

  #report(diagnostics: readonly Diagnostic[]): void {
    for (const { severity, file, line, message } of diagnostics) {
      const nothing = { value: undefined, allowed: undefined, suggestion: undefined };
      this.problems.push({ severity, file, line, column: 1, key: '', problem: message, ...nothing });
    }
  }
}

type ReadRules = FoundRules & { readonly files: RuleFiles };

/** The built-in pack. */
function starterRules(): ReadRules {
  const { rules, files } = starterPack();
  return { setup: [], rules, problems: [], files };
}

interface LimitFacts {
  readonly at: KeyPath;
  readonly requestBytesMax: number;
  readonly heldPerClientBytesMax: number;
}

/** A route that takes what its inspection refuses, and one that inspects what may never be held. */
function checkLimits({ mode, request }: WafPolicy, facts: LimitFacts): readonly Finding[] {
  if (mode === 'off' || !request.isBodyInspected) return [];
  const findings: Finding[] = [];
  const held = Math.min(request.bodyBytesMax, facts.requestBytesMax);
  if (held > facts.heldPerClientBytesMax) {
    findings.push(
      finding(facts.at, `inspects bodies of ${held} bytes, more than waf.heldPerClientMax lets one client hold`),
    );
  }
  if (mode === 'block' && request.aboveBodyMax === 'refuse' && request.bodyBytesMax < facts.requestBytesMax) {
    const problem = `refuses bodies above ${request.bodyBytesMax} bytes, although the route takes ${facts.requestBytesMax}`;
    const allowed = 'a larger waf.request.bodyMax, aboveBodyMax: inspect-beginning, or a smaller request.bodyMax';
    findings.push(finding(facts.at, problem, { severity: 'warning', allowed }));
  }
  return findings;
}

/** The first of each: what routes share is said once. */
function unique<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  const seen = new Set<string>();
  return items.filter((item) => {
    const key = keyOf(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
