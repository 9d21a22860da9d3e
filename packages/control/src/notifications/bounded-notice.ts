import type { Notice } from '@sallyport/kernel';

/** A notice as it may be kept and sent: every text in one line and short, whoever wrote it. */
export function boundedNotice(notice: Notice): Notice {
  const facts = Object.entries(notice.facts)
    .slice(0, FACTS_MAX)
    .map(([name, value]) => [oneLine(name, FACT_NAME_LENGTH_MAX), oneLine(value, FACT_LENGTH_MAX)]);
  return {
    ...notice,
    subject: oneLine(notice.subject, SUBJECT_LENGTH_MAX),
    summary: oneLine(notice.summary, SUMMARY_LENGTH_MAX),
    facts: Object.fromEntries(facts),
  };
}

const SUBJECT_LENGTH_MAX = 128;
const SUMMARY_LENGTH_MAX = 400;
const FACTS_MAX = 8;
const FACT_NAME_LENGTH_MAX = 40;
const FACT_LENGTH_MAX = 200;

/** Controls and marks of direction act in the programs that people read with; a lone surrogate is no text. */
function oneLine(text: string, lengthMax: number): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').toWellFormed();
  if (plain.length <= lengthMax) return plain;
  return `${plain.slice(0, lengthMax - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
