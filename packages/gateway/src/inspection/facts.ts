import type { InspectionFacts, RuleMatch } from '@sallyport/kernel';
import { type DecidedTransaction, type ExplainedRule, explain, type MatchedRule } from '@sallyport/waf';

/** What an event says about the rules that matched; undefined when none did that wants to be recorded. */
export function factsOf(
  transaction: DecidedTransaction,
  { mode, ruleSet, path }: { mode: 'detect' | 'block'; ruleSet: string; path: string },
): InspectionFacts | undefined {
  const { matchedRules, interruption, suppressedInterruption } = transaction;
  const logged = matchedRules.filter(({ isLogged }) => isLogged);
  if (logged.length === 0) return undefined;
  let inboundScore = 0;
  let outboundScore = 0;
  for (const match of matchedRules) {
    if (match.phase <= 2) inboundScore += scoreOf(match);
    else outboundScore += scoreOf(match);
  }
  // Whatever is cut from the story, the rule that decided is in it.
  const decisive = (interruption ?? suppressedInterruption)?.ruleId;
  const ordered = logged.toSorted((a, b) => Number(b.id === decisive) - Number(a.id === decisive));
  const { rules } = explain({ matchedRules: ordered, interruption, suppressedInterruption }, { path });
  const severities = new Map(logged.map(({ id, severity = -1 }) => [id, severity]));
  return {
    mode,
    ruleSet: ruleSet.slice(0, RULE_SET_DIGITS),
    inboundScore,
    outboundScore,
    ruleIds: logged.slice(0, RULE_IDS_MAX).map(({ id }) => id),
    matches: rules.slice(0, MATCHES_MAX).map((rule) => describe(rule, severities.get(rule.id) ?? -1)),
  };
}

/** What a match added to anomaly scores. Rules count the same points once for their kind of attack and once for the whole. */
export function scoreOf({ scores }: Pick<MatchedRule, 'scores'>): number {
  let sum = 0;
  for (const { variable, added } of scores) if (SCORE.test(variable)) sum += added;
  return sum;
}

/**
 * `inbound_anomaly_score_pl1` of the CRS, `starter_score` of the built-in pack. What sums these up once more,
 * `blocking_inbound_anomaly_score`, is not counted again.
 */
const SCORE = /^(?:(?:in|out)bound_anomaly_score(?:_pl\d)?|starter_score)$/;

/** Rules that an event names. A request may match hundreds at a high paranoia level, and a line of the log has to end. */
const RULE_IDS_MAX = 200;

/** Rules of which an event tells the story. */
const MATCHES_MAX = 20;

/** Characters of a text that comes from a request, as an event has it. */
const FACT_LENGTH_MAX = 200;

const RULE_SET_DIGITS = 12;

/** Secrets are masked already, and nothing in these texts can begin another line. */
function describe(rule: ExplainedRule, severity: number): RuleMatch {
  const [first] = rule.matches;
  return {
    id: rule.id,
    phase: rule.phase,
    message: cut(rule.message),
    data: cut(rule.data),
    severity,
    target: cut(first?.part ?? ''),
    excerpt: cut(first?.value ?? ''),
    transformations: first?.transformations ?? [],
    score: scoreOf(rule),
    exclusion: cut(rule.exclusions[0]?.target ?? ''),
  };
}

function cut(text: string): string {
  return text.length > FACT_LENGTH_MAX ? `${text.slice(0, FACT_LENGTH_MAX)}…` : text;
}
