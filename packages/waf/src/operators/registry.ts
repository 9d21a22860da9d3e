import { compile, RegexError } from '@sallyport/regex';
import type { OperatorUse } from '../seclang/rule.ts';
import { addressList, networksOf } from './address.ts';
import { identityNumber } from './identity-number.ts';
import { numeric } from './numeric.ts';
import type { Operator, OperatorRun } from './operator.ts';
import { Patterns, pattern } from './pattern.ts';
import { type PhraseList, phraseList, phraseListNumber, phrasesOf, phrasesOfFile } from './phrases.ts';
import { textual } from './text.ts';
import { byteRange, urlEncoding, utf8Encoding } from './validation.ts';

/** What compiling an operator needs. */
export interface OperatorEnvironment {
  readonly patterns: Patterns;
  /** The text of a file that the rule names; undefined when there is none. */
  readonly readFile: (path: string) => string | undefined;
}

/** Why a rule with this operator cannot be used; undefined when it can. */
export function operatorProblem(use: OperatorUse, readFile: (path: string) => string | undefined): string | undefined {
  if (PATTERN_OPERATORS.has(use.name) && use.argument.includes('%{')) return `@${use.name} cannot expand macros`;
  const checked = new CheckedPatterns();
  const operator = compileOperator(use, { patterns: checked, readFile });
  if (typeof operator === 'string') return operator;
  if (!PHRASE_OPERATORS.has(use.name)) return checked.problem;
  const list = phrasesFor(use, readFile);
  return typeof list === 'string' || list.phrases().length > 0 ? checked.problem : `@${use.name} has no phrases`;
}

/** Compiles an operator. Gives a sentence instead when it cannot. Flat: one case per operator of the language. */
export function compileOperator(use: OperatorUse, { patterns, readFile }: OperatorEnvironment): Operator | string {
  const { name, argument } = use;
  switch (name) {
    case 'rx':
      return pattern(argument, patterns);
    case 'pm':
    case 'pmf':
    case 'pmfromfile': {
      const list = phrasesFor(use, readFile);
      return typeof list === 'string' ? list : phraseList(list, patterns);
    }
    case 'eq':
    case 'ge':
    case 'gt':
    case 'le':
    case 'lt':
      return numeric(name, argument);
    case 'beginswith':
    case 'contains':
    case 'containsword':
    case 'endswith':
    case 'streq':
    case 'strmatch':
    case 'within':
      return textual(name, argument);
    case 'ipmatch':
    case 'ipmatchf':
    case 'ipmatchfromfile': {
      const listed = name === 'ipmatch' ? argument.split(',') : filePhrases(argument, readFile);
      if (typeof listed === 'string') return listed;
      const pieces = 'phrases' in listed ? listed.phrases() : listed;
      const networks = networksOf(pieces.map((piece) => piece.trim()));
      return typeof networks === 'string' ? `${networks} is no address and no network` : addressList(networks);
    }
    case 'validatebyterange':
      return byteRange(argument) ?? `${argument} is no list of byte ranges`;
    case 'validateutf8encoding':
      return utf8Encoding;
    case 'validateurlencoding':
      return urlEncoding;
    case 'unconditionalmatch':
      return () => true;
    case 'nomatch':
      return () => false;
    case 'detectsqli':
      return detectSqli;
    case 'detectxss':
      return detectXss;
    case 'validatenid':
    case 'verifycc':
    case 'verifycpf':
    case 'verifyssn':
    case 'verifysvnr':
      return identityNumber(name, argument, patterns) ?? `@${name} knows no such country`;
    default:
      return `unknown or unsupported operator @${name}`;
  }
}

/**
 * The operator with `argument` in place of its own, which holds macros; undefined where that would be read as one again, or
 * where the operator takes no text.
 */
export function withConstant({ name, isNegated }: OperatorUse, argument: string): Operator | undefined {
  if (argument.includes('%{')) return undefined;
  const environment = { patterns: new Patterns(), readFile: () => undefined };
  const operator = compileOperator({ name, argument, isNegated }, environment);
  return typeof operator === 'string' ? undefined : operator;
}

/**
 * The number of the pattern or phrase list that alone decides whether the operator matches; undefined for operators
 * that look in another way.
 */
export function patternNumber(use: OperatorUse, { patterns, readFile }: OperatorEnvironment): number | undefined {
  if (use.name === 'rx') return patterns.add(use.argument);
  if (!PHRASE_OPERATORS.has(use.name)) return undefined;
  const list = phrasesFor(use, readFile);
  return typeof list === 'string' ? undefined : phraseListNumber(list, patterns);
}

const PHRASE_OPERATORS: ReadonlySet<string> = new Set(['pm', 'pmf', 'pmfromfile']);

/** The phrase list of such an operator, or a sentence about a file that is missing. */
function phrasesFor({ name, argument }: OperatorUse, readFile: OperatorEnvironment['readFile']): PhraseList | string {
  if (name !== 'pm') return filePhrases(argument, readFile);
  return { source: argument, phrases: () => phrasesOf(argument) };
}

const PATTERN_OPERATORS: ReadonlySet<string> = new Set([
  'rx',
  'pm',
  'verifycc',
  'verifycpf',
  'verifyssn',
  'verifysvnr',
]);

const detectSqli: Operator = Object.assign(
  (text: string, run: OperatorRun): boolean => keepStructure(run.detectors.sqli(text, run), run),
  {
    *inParts(text: string, run: OperatorRun): Generator<undefined, boolean> {
      const { detectors } = run;
      if (detectors.sqliInParts === undefined) return detectSqli(text, run);
      return keepStructure(yield* detectors.sqliInParts(text, run), run);
    },
  },
);

function keepStructure(structure: string | undefined, { captures }: OperatorRun): boolean {
  if (structure !== undefined && captures !== undefined) captures[0] = structure;
  return structure !== undefined;
}

const detectXss: Operator = Object.assign(
  (text: string, run: OperatorRun): boolean => keepValue(text, run.detectors.xss(text, run), run),
  {
    *inParts(text: string, run: OperatorRun): Generator<undefined, boolean> {
      const { detectors } = run;
      if (detectors.xssInParts === undefined) return detectXss(text, run);
      return keepValue(text, yield* detectors.xssInParts(text, run), run);
    },
  },
);

function keepValue(text: string, isFound: boolean, { captures }: OperatorRun): boolean {
  if (isFound && captures !== undefined) captures[0] = text;
  return isFound;
}

/** The lines of one or more files, or a sentence about one that is missing. */
function filePhrases(argument: string, readFile: OperatorEnvironment['readFile']): PhraseList | string {
  const texts: string[] = [];
  for (const path of argument.split(/\s+/)) {
    const text = path === '' ? undefined : readFile(path);
    if (text === undefined) return `there is no file ${path}`;
    texts.push(text);
  }
  // The argument of `@pm` holds no line break, so the two are never taken for one another.
  return { source: `\n${texts.join('\n')}`, phrases: () => texts.flatMap(phrasesOfFile) };
}

/** Compiles each pattern at once, only to see whether it can be. */
class CheckedPatterns extends Patterns {
  problem: string | undefined;

  override add(text: string): number {
    try {
      compile(text, { dialect: 'modsecurity' });
    } catch (error) {
      if (!(error instanceof RegexError)) throw error;
      this.problem = error.message;
    }
    return super.add(text);
  }
}
