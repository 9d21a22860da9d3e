import { Buffer } from 'node:buffer';
import { createWaf, type Interruption, logLine, type MatchedRule } from '@sallyport/waf';

const rules = `
SecRuleEngine On
SecAction "id:1,phase:1,nolog,pass,setvar:tx.critical=5"
SecRule ARGS|ARGS_NAMES "@detectSQLi" \\
  "id:100,phase:2,pass,capture,t:none,t:urlDecodeUni,severity:CRITICAL,\\
  msg:'SQL injection in %{MATCHED_VAR_NAME}',setvar:tx.score=+%{tx.critical}"
SecRule TX:score "@ge 5" "id:900,phase:2,deny,status:403,msg:'Score %{TX.score}'"
`;

const result = createWaf({ rules: [{ name: 'example.conf', text: rules }] });
if (result.kind === 'invalid') throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));

const transaction = result.waf.transaction('request-1');
transaction.processConnection({ clientIp: '192.0.2.7', clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 443 });
transaction.processUri({ method: 'POST', target: '/login', protocol: 'HTTP/1.1' });
transaction.processRequestHeaders([['Content-Type', 'application/x-www-form-urlencoded']]);
export const verdict: Interruption | undefined = transaction.processRequestBody(Buffer.from("name=x'+OR+'1'='1"));
transaction.processLogging();

export const lines: readonly string[] = transaction.matchedRules
  .filter(({ isLogged }) => isLogged)
  .map((match) => logLine(match, { uri: '/login', uniqueId: 'request-1' }));
export const first: MatchedRule | undefined = transaction.matchedRules.find(({ id }) => id === 100);
