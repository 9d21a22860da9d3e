import { type Deny, REASONS, type ReasonCode, reason, type Verdict } from '@sallyport/kernel';
import type { Interruption, MatchedRule } from '@sallyport/waf';
import { scoreOf } from './facts.ts';

/** What the rules want done, as a verdict. The detail names rules and is for operators alone. */
export function verdictOf(
  interruption: Interruption,
  matches: readonly MatchedRule[],
): Exclude<Verdict, { kind: 'pass' }> {
  const { kind, status, phase, location } = interruption;
  const detail = detailOf(interruption, matches);
  const code = codeOf(interruption);
  switch (kind) {
    case 'drop':
      return { kind: 'drop', reason: reason(code, detail) };
    case 'redirect':
      return {
        kind: 'redirect',
        status: REDIRECTS.find((one) => one === status) ?? 302,
        location: location ?? '/',
        reason: reason(code, detail),
      };
    case 'deny': {
      // What a rule says about a response is for the rule's author; the client is told that the service's answer is bad.
      const isOwn = phase <= 2 && interruption.cause === 'rule' && status >= 400 && status <= 599;
      return { kind: 'deny', status: isOwn ? status : REASONS[code].status, reason: reason(code, detail) };
    }
  }
}

export function deny(code: ReasonCode, detail: string): Deny {
  return { kind: 'deny', status: REASONS[code].status, reason: reason(code, detail) };
}

const REDIRECTS = [301, 302, 307, 308] as const;

function codeOf({ cause, phase }: Interruption): ReasonCode {
  switch (cause) {
    case 'rule':
      return phase <= 2 ? 'REQUEST_CONTENT_DENIED' : 'RESPONSE_CONTENT_DENIED';
    case 'requestBodyLimit':
      return 'BODY_TOO_LARGE';
    case 'requestBodyType':
      return 'BODY_TYPE_AMBIGUOUS';
    case 'responseBodyLimit':
      return 'RESPONSE_CONTENT_DENIED';
    case 'stepBudget':
      return phase <= 2 ? 'INSPECTION_TOO_COSTLY' : 'RESPONSE_CONTENT_DENIED';
  }
}

/** `rule 949110 by 942100 932160`. What these say, and what they saw, stands in the event. */
function detailOf({ ruleId, message }: Interruption, matches: readonly MatchedRule[]): string {
  if (ruleId === 0) return message;
  const scorers = matches.filter((match) => match.id !== ruleId && scoreOf(match) > 0).map(({ id }) => id);
  return scorers.length === 0 ? `rule ${ruleId}` : `rule ${ruleId} by ${scorers.slice(0, SCORERS_SHOWN_MAX).join(' ')}`;
}

/** The detail is one line; every rule stands in the event. */
const SCORERS_SHOWN_MAX = 10;
