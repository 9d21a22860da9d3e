import type { Random } from '../regex/random-pattern.ts';
import type { Exchange } from './exchange.ts';

/** Few words, so that rules and requests meet. */
const WORDS = [
  'alpha',
  'Beta',
  'union',
  'select',
  'x1',
  '0',
  '7',
  '',
  'a b',
  '/etc/passwd',
  "'",
  '<b>',
  'a%41',
  'YWxwaGE=',
] as const;
const KEYS = ['a', 'b', 'Name', 'id'] as const;
const TX_NAMES = ['level', 'score', 'flag', 'limit', 'list', 'p_a', 'p_b'] as const;
const CHAINS = [
  '',
  't:none',
  't:lowercase',
  't:urlDecodeUni,t:lowercase',
  't:lowercase,t:removeWhitespace',
  't:cmdLine',
  't:cmdLine,t:normalizePath',
  't:htmlEntityDecode,t:jsDecode,t:cssDecode',
  't:removeWhitespace,t:base64Decode',
  't:length',
  't:sha1,t:hexEncode',
  't:urlDecodeUni,t:replaceComments,t:compressWhitespace',
  't:utf8toUnicode,t:removeNulls',
  't:uppercase,t:trim',
  't:removeComments,t:sqlHexDecode',
] as const;
const REQUEST_TARGETS = [
  'ARGS',
  'ARGS_NAMES',
  'ARGS:a',
  'ARGS|!ARGS:a',
  'ARGS:/^[ab]$/',
  'ARGS|!ARGS:/^n/',
  'ARGS_GET|ARGS_POST',
  'REQUEST_HEADERS',
  'REQUEST_HEADERS:User-Agent',
  'REQUEST_HEADERS|!REQUEST_HEADERS:Host',
  'REQUEST_HEADERS_NAMES',
  'REQUEST_COOKIES|REQUEST_COOKIES_NAMES',
  'REQUEST_FILENAME|ARGS',
  'REQUEST_METHOD',
  'REQUEST_URI|REQUEST_LINE|QUERY_STRING',
  'REQUEST_BODY',
  '&ARGS',
  '&ARGS:a',
  '&ARGS|ARGS:b',
  'REQBODY_PROCESSOR',
  'RESPONSE_BODY|RESPONSE_STATUS',
] as const;
const STATE_TARGETS = [
  'TX:level',
  'TX:score',
  '&TX:flag',
  'TX:/^p_/',
  'TX:limit|TX:score',
  'MATCHED_VAR',
  'MATCHED_VARS',
  '&TX',
  'IP:hits',
  'TX:0',
  'TX',
] as const;

/** Rules, chains, gates, exclusions and controls as nobody would write them, and all of them valid. */
export function randomRules(random: Random): string {
  const lines = [
    `SecRuleEngine ${random.pick(['On', 'On', 'DetectionOnly'])}`,
    'SecRequestBodyAccess On',
    'SecResponseBodyAccess On',
  ];
  if (random.isOneIn(4)) lines.push(`SecDefaultAction "phase:2,pass,nolog,t:lowercase"`);
  const count = 4 + random.below(16);
  for (let id = 1; id <= count; id += 1) {
    lines.push(...randomRule(random, id * 10, count * 10));
    if (random.isOneIn(5)) lines.push(`SecMarker M${random.below(3)}`);
  }
  if (random.isOneIn(4))
    lines.push(
      `SecRuleUpdateTargetById ${10 + 10 * random.below(count)} "!${random.pick(['ARGS:a', 'TX:level', 'ARGS:/b/'])}"`,
    );
  if (random.isOneIn(6)) lines.push(`SecRuleRemoveById ${10 + 10 * random.below(count)}`);
  lines.push('SecMarker M0', 'SecMarker M1', 'SecMarker M2');
  return lines.join('\n');
}

function randomRule(random: Random, id: number, idMax: number): string[] {
  const phase = random.pick([1, 1, 2, 2, 2, 3, 4, 5]);
  const actions = [`id:${id}`, `phase:${phase}`, disruption(random), ...optional(random, idMax)];
  if (random.isOneIn(3))
    actions.push('log', "msg:'m %{MATCHED_VAR_NAME} %{TX.score}'", "logdata:'%{MATCHED_VAR} %{TX.0}'");
  else actions.push('nolog');
  if (random.isOneIn(4)) actions.push(`tag:'t${random.below(3)}'`);
  if (random.isOneIn(6)) actions.push('severity:CRITICAL');
  if (random.isOneIn(6))
    actions.push(random.isOneIn(2) ? `skipAfter:M${random.below(3)}` : `skip:${1 + random.below(3)}`);
  if (random.isOneIn(4)) return [`SecAction "${[...actions, ...writes(random)].join(',')}"`];
  const isChained = random.isOneIn(4);
  const first = `SecRule ${condition(random)} "${[...actions, ...perMatch(random), ...(isChained ? ['chain'] : [])].join(',')}"`;
  return isChained ? [first, `  SecRule ${condition(random)} "${['t:none', ...perMatch(random)].join(',')}"`] : [first];
}

function disruption(random: Random): string {
  if (!random.isOneIn(12)) return 'pass';
  return random.pick(['deny,status:418', 'allow', 'allow:phase', 'allow:request', 'block', 'drop']);
}

function optional(random: Random, idMax: number): string[] {
  if (!random.isOneIn(6)) return [];
  const from = 10 + 10 * random.below(idMax / 10);
  return [
    random.pick([
      `ctl:ruleRemoveById=${from}-${from + 40}`,
      'ctl:ruleRemoveByTag=t1',
      `ctl:ruleRemoveTargetById=${from};ARGS:a`,
      `ctl:ruleRemoveTargetById=${from};TX:level`,
      'ctl:ruleRemoveTargetByTag=t0;TX:/./',
      'ctl:ruleEngine=DetectionOnly',
      'ctl:ruleEngine=Off',
      'ctl:forceRequestBodyVariable=On',
      'ctl:requestBodyProcessor=JSON',
      'initcol:ip=%{REMOTE_ADDR}',
    ]),
  ];
}

/** What a rule does on each match. */
function perMatch(random: Random): string[] {
  const actions: string[] = [];
  const chain = random.pick(CHAINS);
  if (chain !== '') actions.push(chain);
  if (random.isOneIn(4)) actions.push('capture');
  if (random.isOneIn(5)) actions.push('multiMatch');
  if (random.isOneIn(2)) actions.push(...writes(random));
  return actions;
}

function writes(random: Random): string[] {
  return Array.from({ length: 1 + random.below(2) }, () => {
    const name = random.pick(TX_NAMES);
    return random.pick([
      `setvar:'tx.${name}=${random.below(4)}'`,
      `setvar:'tx.${name}=${random.below(4)}'`,
      `setvar:'tx.${name}=+${1 + random.below(3)}'`,
      `setvar:'tx.${name}=+%{tx.level}'`,
      `setvar:'tx.${name}=%{tx.limit}'`,
      `setvar:'tx.${name}=%{MATCHED_VAR}'`,
      `setvar:'tx.p_%{tx.flag}=1'`,
      `setvar:'!tx.${name}'`,
      `setvar:'tx.list=alpha beta ${name}'`,
      `setvar:'ip.hits=+1'`,
    ]);
  });
}

function condition(random: Random): string {
  const isState = random.isOneIn(3);
  const target = isState ? random.pick(STATE_TARGETS) : random.pick(REQUEST_TARGETS);
  return `${target} "${random.isOneIn(6) ? '!' : ''}${isState || target.startsWith('&') ? numberOperator(random) : textOperator(random)}"`;
}

function numberOperator(random: Random): string {
  const operator = random.pick(['eq', 'lt', 'gt', 'ge', 'le', 'streq', 'within']);
  if (operator === 'within') return '@within %{tx.list}';
  return `@${operator} ${random.pick(['0', '1', '2', '3', '%{tx.level}', '%{tx.limit}', '%{tx.score}'])}`;
}

function textOperator(random: Random): string {
  return random.pick([
    '@rx (?i)alpha|beta',
    '@rx ^([a-z]+)([0-9]?)',
    '@rx .',
    '@rx ^$',
    '@rx union.*select',
    '@rx [^a-z0-9]',
    '@rx (a)|(b)',
    '@pm alpha union passwd',
    '@pm x1 beta',
    '@contains a',
    '@streq alpha',
    '@streq %{tx.list}',
    '@within alpha beta x1 0 7',
    '@within %{tx.list}',
    '@beginsWith a',
    '@endsWith 1',
    '@gt 3',
    '@eq 5',
    '@validateByteRange 32-126',
    '@detectSQLi',
    '@detectXSS',
    '@unconditionalMatch',
    '@validateUrlEncoding',
  ]);
}

/** Names of TX that the rules may have written. */
export const RULE_VARIABLES: readonly string[] = [...TX_NAMES, '0', '1', '2', 'p_', 'p_0', 'p_1', 'p_2', 'p_3'];

/** An exchange made of the same words. */
export function randomExchange(random: Random): Exchange {
  const pairs = (count: number): string =>
    Array.from(
      { length: random.below(count) },
      () => `${random.pick(KEYS)}=${encoded(random, randomText(random))}`,
    ).join('&');
  const type = random.pick(['application/x-www-form-urlencoded', 'application/json', 'text/plain', '']);
  return {
    method: random.pick(['GET', 'POST', 'PUT']),
    target: `/${random.pick(['', 'a', 'etc/passwd', 'A%20b'])}${random.isOneIn(3) ? '' : `?${pairs(5)}`}`,
    protocol: 'HTTP/1.1',
    headers: [
      ['Host', 'example.com'],
      ['User-Agent', randomText(random)],
      ...(random.isOneIn(2) ? [['Cookie', `a=${randomText(random)}; ${random.pick(KEYS)}=1`] as const] : []),
      ...(type === '' ? [] : [['Content-Type', type] as const]),
      ...(random.isOneIn(4) ? [[random.pick(['alpha', 'X-Beta']), randomText(random)] as const] : []),
    ],
    body:
      type === 'application/json' ? JSON.stringify({ a: randomText(random), b: [1, randomText(random)] }) : pairs(6),
    response: {
      status: random.pick([200, 404, 500]),
      headers: [['Content-Type', random.pick(['text/html', 'image/png'])]],
      body: randomText(random),
    },
    phases: random.isOneIn(8) ? random.pick(['requestHeaders', 'request']) : 'all',
  };
}

function randomText(random: Random): string {
  let text = '';
  for (let word = random.below(4); word >= 0; word -= 1) {
    text += random.isOneIn(10) ? String.fromCharCode(random.below(256)) : random.pick(WORDS);
    if (random.isOneIn(3)) text += random.pick([' ', '  ', '/*x*/', '\\x41', '&lt;', '+', '%']);
  }
  return text.replaceAll(/[\r\n]/g, ' ');
}

function encoded(random: Random, text: string): string {
  return random.isOneIn(3)
    ? text.replaceAll(/[&#]/g, '')
    : text.replaceAll(/[^A-Za-z0-9]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
