/**
 * Request inspection: body parsers, transformations, payload detectors and the SecLang engine. Knows no sockets.
 *
 * @module
 */
export { type Detectors, detectors } from './detect/index.ts';
export type { WafImage } from './engine/image.ts';
export { exclusionsFor, type Interruption, logLine, type MatchedRule, type MatchedValue } from './engine/outcome.ts';
export { type PackedImage, packImage } from './engine/packed-image.ts';
export {
  type CollectionName,
  MemoryCollections,
  type PersistentChange,
  type PersistentCollections,
  type PersistentValue,
} from './engine/persistence.ts';
export type {
  Transaction,
  TransactionConnection,
  TransactionHeader,
  TransactionRequestLine,
  TransactionResponse,
} from './engine/transaction.ts';
export {
  compileWaf,
  createWaf,
  type ImageResult,
  type InstanceOptions,
  instantiateWaf,
  type RuleOptions,
  type Waf,
  type WafOptions,
  type WafResult,
} from './engine/waf.ts';
export {
  type Exclusion,
  type ExclusionProblem,
  type ExclusionRules,
  exclusionsToRules,
} from './exclusions/exclusions.ts';
export { type BriefOptions, briefRules, type RuleBrief } from './explain/brief.ts';
export {
  type DecidedTransaction,
  type ExplainedDecision,
  type ExplainedExclusion,
  type ExplainedMatch,
  type ExplainedRule,
  type ExplainedScore,
  type ExplainOptions,
  type Explanation,
  explain,
} from './explain/explain.ts';
export { explanationText } from './explain/terminal.ts';
export { type RulePack, type RulePackResult, readPack, starterPack } from './packs/read-pack.ts';
export type { Diagnostic } from './seclang/diagnostic.ts';
export type { RuleFiles, RuleSource } from './seclang/parse.ts';
export { describeRules, type RuleDescription } from './self-test/describe-rules.ts';
export { type ExamplePart, examplesOf, type RuleExample, type RuleExamples } from './self-test/examples.ts';
export { type SelfTest, selfTest } from './self-test/self-test.ts';
