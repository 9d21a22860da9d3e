import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Transaction, TransactionHeader, Waf } from '../../src/index.ts';
import { engineOf, idsOf } from './rig.ts';

const RULES = `SecRule ARGS "@rx needle(\\d+)" "id:1,phase:2,pass,capture,t:urlDecodeUni,t:lowercase,setvar:tx.found=%{tx.1}"
  SecRule ARGS "@pm pin hay" "id:2,phase:2,pass"
  SecRule ARGS "!@rx absent" "id:3,phase:2,pass,t:removeWhitespace"
  SecRule ARGS "@detectSQLi" "id:4,phase:2,pass"
  SecRule ARGS "@detectXSS" "id:5,phase:2,pass"
  SecRule ARGS "@rx hay" "id:6,phase:2,pass,chain"
    SecRule TX:FOUND "@streq 42" "ctl:ruleRemoveById=7"
  SecRule ARGS "@rx hay" "id:7,phase:2,pass"
  SecRule TX:FOUND "@streq 42" "id:8,phase:2,deny,status:418"
  SecAction "id:9,phase:5,pass"`;

const HEADERS: readonly TransactionHeader[] = [['Content-Type', 'application/x-www-form-urlencoded']];
const FORM = Buffer.from(
  `a=${'hay%20'.repeat(20_000)}Needle42+%27+union+select+1+from+t--&b=${'%3cb%3e'.repeat(12_000)}%3cscript%3e`,
);

function begin(waf: Waf): Transaction {
  const transaction = waf.transaction('unique');
  transaction.processUri({ method: 'POST', target: '/', protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders(HEADERS);
  return transaction;
}

/** What can be seen of a transaction. */
function seen(transaction: Transaction): {
  readonly matchedRules: unknown;
  readonly interruption: unknown;
  readonly steps: number;
  readonly found: string | undefined;
} {
  const { matchedRules, interruption, steps } = transaction;
  return { matchedRules, interruption, steps, found: transaction.valueOf('TX', 'found') };
}

function whole(waf: Waf): Transaction {
  const transaction = begin(waf);
  transaction.processRequestBody(FORM);
  return transaction;
}

describe('a body that is judged in slices', () => {
  test.each(['compiled', 'ruleByRule'] as const)('is judged as in one piece (%s)', (evaluator) => {
    const waf = engineOf(RULES, { evaluator });
    whole(waf);
    const transaction = begin(waf);
    const pauses = Array.from(transaction.requestBodyInSlices(FORM, 20_000)).length;
    expect(seen(transaction)).toEqual(seen(whole(waf)));
    expect(idsOf(transaction)).toEqual([1, 2, 3, 4, 5, 6, 8]);
    expect(transaction.interruption?.status).toBe(418);
    expect(pauses > 5).toBe(evaluator === 'compiled');
  });

  test('does not see what others do in the pauses', () => {
    const waf = engineOf(RULES);
    const { steps: _, ...alone } = seen(whole(waf));
    const one = begin(waf);
    const other = begin(waf);
    const slices = other.requestBodyInSlices(Buffer.from(FORM.toString().replace('Needle42', 'Needle43')), 1);
    for (const _ of one.requestBodyInSlices(FORM, 1)) {
      slices.next();
      whole(waf);
    }
    while (slices.next().done !== true) whole(waf);
    expect(seen(one)).toMatchObject(alone);
    expect([idsOf(other), other.valueOf('TX', 'found'), other.interruption]).toEqual([
      [1, 2, 3, 4, 5, 7],
      '43',
      undefined,
    ]);
  });

  test('takes slices of about as many steps as it is told', () => {
    const transaction = begin(engineOf(RULES));
    let before = transaction.steps;
    const slices: number[] = [];
    for (const _ of transaction.requestBodyInSlices(FORM, 500_000)) {
      slices.push(transaction.steps - before);
      before = transaction.steps;
    }
    expect(Math.min(...slices)).toBeGreaterThanOrEqual(500_000);
    expect(Math.max(...slices)).toBeLessThan(1_500_000);
  });

  test('may be given up in a pause, and its last phase runs all the same', () => {
    const transaction = begin(engineOf(RULES));
    const slices = transaction.requestBodyInSlices(FORM, 1);
    for (let slice = 0; slice < 5; slice += 1) expect(slices.next().done).toBe(false);
    transaction.processLogging();
    expect(idsOf(transaction)).toEqual([9]);
  });

  test('is refused when its steps are used up, and not looked at further', () => {
    const waf = engineOf(RULES, { stepsMax: 600_000 });
    const transaction = begin(waf);
    const slices = transaction.requestBodyInSlices(FORM, 1);
    while (slices.next().done !== true) expect(transaction.steps).toBeLessThan(1_000_000);
    expect(transaction.interruption).toMatchObject({ cause: 'stepBudget', phase: 2 });
    expect(whole(waf).interruption).toEqual(transaction.interruption);
    expect(whole(waf).steps).toBeLessThan(1_500_000);
  });
});

test('several at once, whose pauses fall anyhow, are each judged as alone (seeded)', () => {
  const waf = engineOf(RULES);
  // Longer than what is looked at without a pause, and full of what shared buffers hold: escapes, tokens, captures, phrases.
  const piece = fc.constantFrom(
    'hay%20',
    'NeEdle4%32',
    '%27%20or 1=1--+',
    '%3cb+onload%3dx()%3e',
    'pi%6e',
    '%00%ff',
    'x',
  );
  const value = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => {
    const text = pieces.join('');
    return text.repeat(Math.ceil(40_000 / text.length));
  });
  const bodies = fc.array(value, { minLength: 2, maxLength: 4 });
  const turns = fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 });
  const judged = (transaction: Transaction): object => {
    const { steps: _, ...rest } = seen(transaction);
    return rest;
  };
  const isAsAlone = (values: readonly string[], order: readonly number[]): void => {
    const forms = values.map((text, index) => Buffer.from(`a=${text}&b=hay${index}`));
    const alone = forms.map((form) => {
      const transaction = begin(waf);
      transaction.processRequestBody(form);
      return judged(transaction);
    });
    const transactions = forms.map(() => begin(waf));
    const open = transactions.map((transaction, index) => transaction.requestBodyInSlices(forms[index] ?? FORM, 1));
    for (let at = 0; open.length > 0; at += 1) {
      const index = (order[at % order.length] ?? 0) % open.length;
      if (open[index]?.next().done === true) open.splice(index, 1);
    }
    expect(transactions.map(judged)).toEqual(alone);
  };
  fc.assert(fc.property(bodies, turns, isAsAlone), { seed: 20_261_128, numRuns: 25 });
});

test('a match pays for its own automata, and not for what earlier requests were searched', () => {
  const rules = 'SecRule ARGS "@rx needle(.*)" "id:1,phase:2,pass,capture"';
  const stepsOf = (waf: Waf, value: string): number => {
    const transaction = waf.transaction('unique');
    transaction.processUri({ method: 'GET', target: `/?a=${value}`, protocol: 'HTTP/1.1' });
    transaction.processRequestHeaders([]);
    transaction.processRequestBody();
    return transaction.steps;
  };
  const fresh = engineOf(rules);
  const used = engineOf(rules);
  for (let request = 0; request < 200; request += 1) stepsOf(used, `needl${'e'.repeat(1_000)}%20need`);
  expect(stepsOf(used, 'needle1')).toBeLessThanOrEqual(stepsOf(fresh, 'needle1'));
});
