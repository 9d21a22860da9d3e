import { Buffer } from 'node:buffer';
import { ManualClock } from '@sallyport/kernel';
import { expect, test } from 'vitest';
import { unpackImage } from '../../src/engine/packed-image.ts';
import { compileWaf, instantiateWaf, packImage, type WafImage } from '../../src/index.ts';
import { idsOf, play } from './rig.ts';

const RULES = `
SecRuleEngine On
SecAction "id:1,phase:1,nolog,pass,setvar:tx.level=2"
SecRule ARGS|!ARGS:/^safe/ "@rx (?i)union\\s+select" "id:10,phase:2,capture,pass,t:urlDecodeUni,setvar:tx.score=+%{tx.level}"
SecRule ARGS "@pmFromFile words.data" "id:11,phase:2,pass"
SecRule REMOTE_ADDR "@ipMatchFromFile nets.data" "id:12,phase:1,pass"
SecRule TX:score "@ge 2" "id:90,phase:2,deny,status:418,msg:'score %{tx.score}'"
`;
const FILES = new Map([
  ['words.data', '# comment\npasswd\nshadow\n'],
  ['nets.data', '192.0.2.0/24\n'],
]);

function imageOf(rules: string, files: ReadonlyMap<string, string> = FILES): WafImage {
  const result = compileWaf({
    rules: [{ name: 'image.conf', text: rules }],
    files: {
      readFile: (path) => {
        const text = files.get(path);
        return text === undefined ? undefined : { name: path, text };
      },
    },
  });
  if (result.kind === 'compiled') return result.image;
  throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
}

test('an image that another thread got decides as the one that was compiled', () => {
  const image = imageOf(RULES);
  const waf = instantiateWaf(structuredClone(image), { clock: new ManualClock() });
  const attack = play(waf, { target: '/?q=1+UNION%20SELECT+2&p=/etc/passwd' });
  expect(attack.interruption).toMatchObject({ kind: 'deny', status: 418, ruleId: 90, message: 'score 2' });
  expect(idsOf(attack)).toEqual([1, 12, 10, 11, 90]);
  expect(idsOf(play(waf, { target: '/?safe=union+select' }))).toEqual([1, 12]);
});

test('a pattern of names means in an image what it means alone, whatever it leaves open', () => {
  const rules = String.raw`
SecRuleEngine On
SecRule ARGS:/\Qa.b/ "@rx x" "id:1,phase:1,pass"
SecRule ARGS|!ARGS:/(?x)^safe$#/ "@rx x" "id:2,phase:1,pass"
`;
  const waf = instantiateWaf(packImage(imageOf(rules)), { clock: new ManualClock() });
  expect(idsOf(play(waf, { target: '/?A.B=x' }))).toEqual([1, 2]);
  expect(idsOf(play(waf, { target: '/?aXb=x' }))).toEqual([2]);
  expect(idsOf(play(waf, { target: '/?Safe=x' }))).toEqual([]);
});

test('phrases are captured in an image as rules and files write them', () => {
  const rules = `
SecRuleEngine On
SecRule ARGS "@pm Shadow PASSWD" "id:1,phase:2,capture,pass,logdata:'%{TX.0}'"
SecRule ARGS "@pmFromFile words.data" "id:2,phase:2,capture,pass,logdata:'%{TX.0}'"
SecRule ARGS "@pmFromFile words.data" "id:3,phase:2,pass"
`;
  const waf = instantiateWaf(packImage(imageOf(rules)), { clock: new ManualClock() });
  const { matchedRules } = play(waf, { target: '/?p=/etc/passwd' });
  expect(matchedRules.map(({ id, data }) => [id, data])).toEqual([
    [1, 'PASSWD'],
    [2, 'passwd'],
    [3, ''],
  ]);
});

test('the tables of an image are shared between threads and not copied', () => {
  const { patterns } = imageOf(RULES);
  const [first] = patterns.request.set.members;
  expect(first?.kind === 'regex' && first.program.code.buffer).toBeInstanceOf(SharedArrayBuffer);
});

test('a packed image decides as the one that was packed, in any place of a file, and says which rules it has', () => {
  const image = imageOf(RULES);
  const packed = packImage(image);
  const place = new Uint8Array(new SharedArrayBuffer(packed.bytes.length + 64), 24, packed.bytes.length);
  place.set(packed.bytes);
  expect(unpackImage({ ...packed, bytes: place })).toEqual(image);
  const waf = instantiateWaf({ ...packed, bytes: place }, { clock: new ManualClock() });
  expect(idsOf(play(waf, { target: '/?q=1+UNION%20SELECT+2&p=/etc/passwd' }))).toEqual([1, 12, 10, 11, 90]);
  expect(packed.digest).toBe(image.digest);
});

test('the tables of a packed image lie in its memory, which threads share, and nowhere else', () => {
  const packed = packImage(imageOf(RULES));
  const { set } = unpackImage(packed).patterns.request;
  const [first] = set.members;
  expect(set.prefilter.initial.buffer).toBe(packed.bytes.buffer);
  expect(first?.kind === 'regex' && first.program.classOf.buffer).toBe(packed.bytes.buffer);
});

test('a packed image of another version is refused', () => {
  const packed = { ...packImage(imageOf(RULES)), version: 0 };
  expect(() => instantiateWaf(packed, { clock: new ManualClock() })).toThrow('another version');
});

test('equal rules have equal digests, and a word in a file that a rule names makes another one', () => {
  const { digest } = imageOf(RULES);
  expect(imageOf(RULES).digest).toBe(digest);
  expect(imageOf(RULES, new Map([...FILES, ['words.data', 'passwd\n']])).digest).not.toBe(digest);
  expect(imageOf(RULES.replace('status:418', 'status:403')).digest).not.toBe(digest);
});

test('refuses an image of another version instead of guessing at it', () => {
  const image = { ...imageOf(RULES), version: 0 };
  expect(() => instantiateWaf(image, { clock: new ManualClock() })).toThrow('another version');
});

test('rules that are wrong are diagnostics, and there is no image', () => {
  const result = compileWaf({ rules: [{ name: 'wrong.conf', text: 'SecRule ARGS "@rx (" "id:1"' }] });
  expect(result).toMatchObject({ kind: 'invalid', diagnostics: [{ file: 'wrong.conf', line: 1 }] });
});

test('two engines of one image do not share what one exchange did', () => {
  const image = imageOf(RULES);
  const [one, other] = [1, 2].map(() => instantiateWaf(image, { clock: new ManualClock() }));
  if (one === undefined || other === undefined) throw new Error('there are two');
  const transaction = one.transaction('a');
  transaction.processUri({ method: 'GET', target: '/?q=union+select', protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders([]);
  expect(transaction.processRequestBody(Buffer.from(''))?.ruleId).toBe(90);
  expect(play(other).interruption).toBeUndefined();
});
