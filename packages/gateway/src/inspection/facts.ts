import type { InspectionFacts, RuleMatch } from '@sallyport/kernel';
import { briefRules, type DecidedTransaction, type MatchedRule, type RuleBrief } from '@sallyport/waf';

/** What an event says about the rules that matched; undefined when none did that wants to be recorded. */
export function factsOf(
  transaction: DecidedTransaction,
  { mode, ruleSet }: { mode: 'detect' | 'block'; ruleSet: string },
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
  return {
    mode,
    ruleSet: ruleSet.slice(0, RULE_SET_DIGITS),
    inboundScore,
    outboundScore,
    ruleIds: logged.slice(0, RULE_IDS_MAX).map(({ id }) => id),
    matches: briefRules(ordered, { matchedRules, rulesMax: MATCHES_MAX, textMax: FACT_LENGTH_MAX }).map(describe),
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
function describe(rule: RuleBrief): RuleMatch {
  return {
    id: rule.id,
    phase: rule.phase,
    message: cut(rule.message),
    data: cut(rule.data),
    severity: rule.severity ?? -1,
    target: cut(rule.part),
    excerpt: cut(rule.value),
    transformations: rule.transformations,
    score: scoreOf(rule),
    exclusion: cut(rule.exclusion),
  };
}

function cut(text: string): string {
  return text.length > FACT_LENGTH_MAX ? `${text.slice(0, FACT_LENGTH_MAX)}…` : text;
}
