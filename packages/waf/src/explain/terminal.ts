import type { ExplainedExclusion, ExplainedRule, ExplainedScore, Explanation } from './explain.ts';

/** An explanation as lines for a terminal, each ended by a line break. At most 120 columns wherever a value does not need more. */
export function explanationText({ decision, rules, furtherRules, totals }: Explanation): string {
  const lines: string[] = [];
  if (decision === undefined) lines.push('Nothing was found against this request.');
  else {
    const verb = { deny: 'refused', drop: 'dropped', redirect: 'redirected' }[decision.kind];
    const by = decision.ruleId === 0 ? decision.cause : `rule ${decision.ruleId}`;
    const what = decision.outcome === 'observed' ? `would have been ${verb}` : `was ${verb}`;
    lines.push(`The request ${what} with ${decision.status} in phase ${decision.phase} by ${by}: ${decision.message}`);
  }
  for (const rule of rules) lines.push('', ...ruleLines(rule));
  if (furtherRules > 0) lines.push('', `${furtherRules} more rules matched.`);
  if (totals.length > 0) lines.push('', `Together: ${scoresText(totals)}`);
  return `${lines.join('\n')}\n`;
}

function ruleLines(rule: ExplainedRule): readonly string[] {
  const severity = rule.severity === undefined ? '' : ` (${rule.severity})`;
  const lines = [`${rule.id}${severity} ${rule.message}`];
  if (rule.scores.length > 0) lines.push(`    adds     ${scoresText(rule.scores)}`);
  for (const { part, value, seen, transformations } of rule.matches) {
    lines.push(`    on       ${part}`, `    value    ${cut(value)}`);
    if (seen !== value) lines.push(`    seen as  ${cut(seen)}`, `    after    ${transformations.join(', ')}`);
  }
  if (rule.furtherMatches > 0) lines.push(`    and on ${rule.furtherMatches} more`);
  for (const exclusion of rule.exclusions.slice(0, EXCLUSIONS_SHOWN_MAX)) {
    lines.push(`    exclude  ${exclusionText(exclusion)}`, `    or       ${exclusion.secLang}`);
  }
  return lines;
}

function exclusionText({ rules, target, exactPath }: ExplainedExclusion): string {
  const path = exactPath === undefined ? '' : `, exactPath: ${JSON.stringify(exactPath)}`;
  return `{ rules: { ids: [${rules.ids.join(', ')}] }, target: ${JSON.stringify(target)}${path}, reason: ..., until: ... }`;
}

function scoresText(scores: readonly ExplainedScore[]): string {
  return scores.map(({ variable, added }) => `${added < 0 ? '' : '+'}${added} ${variable}`).join(', ');
}

function cut(text: string): string {
  return text.length > LINE_VALUE_MAX ? `${text.slice(0, LINE_VALUE_MAX)}…` : text;
}

/** Characters of a value on a terminal: two lines of it. */
const LINE_VALUE_MAX = 200;

/** Exclusions of one rule on a terminal. */
const EXCLUSIONS_SHOWN_MAX = 3;
