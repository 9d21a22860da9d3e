import type { Place } from './diagnostic.ts';
import type { Macro } from './macro.ts';

/** When a rule runs: request headers, request body, response headers, response body, logging. */
export type Phase = 1 | 2 | 3 | 4 | 5;

/** Which entries of a collection: all, one key (in any case), or the keys that a pattern finds. */
export type Selector =
  | { readonly kind: 'all' }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'pattern'; readonly pattern: string };

/** `ARGS`, `ARGS:name`, `ARGS:/pattern/`; a name is upper case. */
export interface Selection {
  readonly variable: string;
  readonly selector: Selector;
}

/** A selection, or the number of its values (`&ARGS`). */
export interface Target extends Selection {
  readonly isCount: boolean;
}

/** `!@rx pattern`. */
export interface OperatorUse {
  /** Lower case, without the `@`. */
  readonly name: string;
  readonly argument: string;
  readonly isNegated: boolean;
}

/** `setvar:tx.name=+1`. */
export interface SetVariable {
  /** Upper case: TX, IP, SESSION, USER, GLOBAL, RESOURCE. */
  readonly collection: string;
  readonly key: Macro;
  readonly change: 'set' | 'add' | 'subtract' | 'unset';
  readonly value: Macro;
}

/** `expirevar:ip.name=60`: seconds. */
export interface ExpireVariable {
  readonly collection: string;
  readonly key: Macro;
  readonly seconds: Macro;
}

/** `initcol:ip=%{REMOTE_ADDR}`. */
export interface InitCollection {
  readonly collection: string;
  readonly key: Macro;
}

/** Numbers from `from` to `to`, both included. */
export interface IdRange {
  readonly from: number;
  readonly to: number;
}

/** Which rules a removal or an exclusion is about. */
export type RuleSelector =
  | { readonly kind: 'id'; readonly ranges: readonly IdRange[] }
  | { readonly kind: 'tag'; readonly pattern: string }
  | { readonly kind: 'msg'; readonly pattern: string };

/** `ctl:...`: what a rule changes about the rest of its transaction. */
export type Control =
  | { readonly kind: 'remove'; readonly rules: RuleSelector }
  | { readonly kind: 'removeTarget'; readonly rules: RuleSelector; readonly target: Selection }
  | { readonly kind: 'engine'; readonly value: EngineMode }
  | { readonly kind: 'auditEngine' }
  | { readonly kind: 'requestBodyProcessor'; readonly value: Macro }
  | { readonly kind: 'forceRequestBodyVariable'; readonly value: boolean }
  | { readonly kind: 'requestBodyAccess'; readonly value: boolean }
  | { readonly kind: 'responseBodyAccess'; readonly value: boolean };

export type EngineMode = 'On' | 'Off' | 'DetectionOnly';

/** What a rule does to the exchange when it matches. */
export type Disruption =
  | { readonly kind: 'pass' }
  | { readonly kind: 'block' }
  | { readonly kind: 'deny' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'redirect'; readonly location: Macro }
  | { readonly kind: 'allow'; readonly scope: 'transaction' | 'request' | 'phase' };

/** What an action list says; undefined and empty where it says nothing. */
export interface ActionList {
  id: number | undefined;
  phase: Phase | undefined;
  disruption: Disruption | undefined;
  status: number | undefined;
  isLogged: boolean | undefined;
  isAudited: boolean | undefined;
  msg: Macro | undefined;
  logdata: Macro | undefined;
  severity: number | undefined;
  ver: string | undefined;
  rev: string | undefined;
  readonly tags: string[];
  readonly transformations: string[];
  /** `t:none` was said: the default transformations do not hold. */
  hasOwnTransformations: boolean;
  readonly setVariables: SetVariable[];
  readonly expireVariables: ExpireVariable[];
  readonly initCollections: InitCollection[];
  readonly setEnvironment: { readonly name: string; readonly value: Macro }[];
  readonly controls: Control[];
  doesCapture: boolean;
  isMultiMatch: boolean;
  isChained: boolean;
  skip: number;
  skipAfter: string | undefined;
}

/** One SecRule or SecAction, with the rules chained to it. */
export interface Rule {
  readonly place: Place;
  /** Of the head; links have the id of their head. */
  readonly id: number;
  readonly phase: Phase;
  /** Empty for SecAction, which matches without looking. */
  readonly targets: readonly Target[];
  /** What `!NAME` and SecRuleUpdateTarget... take out. */
  readonly exclusions: readonly Selection[];
  /** Undefined for SecAction. */
  readonly operator: OperatorUse | undefined;
  /** With the default ones in front unless the rule said `t:none`. */
  readonly transformations: readonly string[];
  readonly actions: ActionList;
  /** Resolved: `block` has become what SecDefaultAction says. */
  readonly disruption: Disruption;
  readonly status: number;
  readonly isLogged: boolean;
  readonly isAudited: boolean;
  /** The links that have to match as well, in order. */
  readonly chain: readonly Rule[];
}

/** A place that `skipAfter` goes to. */
export interface Marker {
  readonly label: string;
}

/** What the engine directives say. */
export interface EngineSettings {
  readonly mode: EngineMode;
  readonly requestBodyAccess: boolean;
  readonly responseBodyAccess: boolean;
  /** Bytes. */
  readonly requestBodyBytesMax: number;
  readonly requestBodyOverLimit: 'reject' | 'partial';
  /** Levels. */
  readonly jsonDepthMax: number;
  readonly argumentsMax: number;
  /** Bytes. */
  readonly responseBodyBytesMax: number;
  readonly responseBodyOverLimit: 'reject' | 'partial';
  /** Lower case. */
  readonly responseMimeTypes: ReadonlySet<string>;
  readonly componentSignatures: readonly string[];
  /** Seconds that a persistent collection lives after its last change. */
  readonly collectionTimeoutSeconds: number;
}

/** Everything the rule files say, resolved. */
export interface RuleSet {
  readonly items: readonly (Rule | Marker)[];
  readonly settings: EngineSettings;
}

export function isRule(item: Rule | Marker): item is Rule {
  return 'operator' in item;
}

/** RFC 5424 §6.2.1 by number, as people write them. */
export const SEVERITY_NAMES: readonly string[] = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'info',
  'debug',
];
