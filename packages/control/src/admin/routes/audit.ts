import { AUDIT_PAGE_MAX } from '@sallyport/kernel';
import { z } from 'zod';
import type { AuditAnswer, AuditQuery, AuditVerificationAnswer } from '../contract.ts';
import { answer, type Route, route } from '../route.ts';
import { auditAnswer, auditVerificationAnswer } from '../schemas.ts';

const auditQuery: z.ZodType<AuditQuery> = z.strictObject({
  after: z
    .string()
    .regex(/^[0-9]{1,15}$/, 'is not a number')
    .optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, 'is not a number from 1 to 9999')
    .optional(),
});

const ENTRIES_SHOWN = 100;

/** What administrators did, and whether that record is whole. */
export const AUDIT_ROUTES: readonly Route[] = [
  route({
    operation: 'listAudit',
    method: 'GET',
    path: '/api/v1/audit',
    access: 'session',
    summary: 'Entries of the audit log behind `after`, the oldest first, in pages.',
    query: auditQuery,
    answer: auditAnswer,
    wants: 'order',
    problems: ['STATE_UNAVAILABLE'],
    call: async ({ plane }, { query }) => {
      const limit = Math.min(AUDIT_PAGE_MAX, Number(query.limit ?? ENTRIES_SHOWN));
      const entries = await plane.readAudit({ after: Number(query.after ?? 0), limit });
      const next = entries.length === limit ? (entries.at(-1)?.sequence ?? null) : null;
      return answer({ entries, next } satisfies AuditAnswer);
    },
  }),
  route({
    operation: 'verifyAudit',
    method: 'GET',
    path: '/api/v1/audit/verification',
    access: 'session',
    summary: 'Checks the chain of the audit log over one page; the whole log is checked when `next` is null.',
    query: auditQuery,
    answer: auditVerificationAnswer,
    wants: 'order',
    problems: ['STATE_UNAVAILABLE'],
    call: async ({ plane }, { query }) => {
      const limit = Math.min(AUDIT_PAGE_MAX, Number(query.limit ?? AUDIT_PAGE_MAX));
      const { checked, next, problem, head } = await plane.verifyAudit({ after: Number(query.after ?? 0), limit });
      return answer({
        checked,
        next: next ?? null,
        problem: problem ?? null,
        head,
      } satisfies AuditVerificationAnswer);
    },
  }),
];
