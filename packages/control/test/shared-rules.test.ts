import { expect, it } from 'vitest';
import { type FileReader, loadConfig } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

const RULE = 'SecRule ARGS "@pmFromFile words.data" "id:1,phase:2,deny,status:403"\n';

it('reads a rule file and what it names once, however many routes inspect with it', () => {
  const routes = Array.from({ length: 50 }, (_, index) => {
    const profile = index % 2 === 0 ? 'api' : 'webapp';
    return `{name: r${index}, match: {path: /${index}}, upstream: u, profile: ${profile}}`;
  });
  const text = `version: 1
mode: development
listeners: [{name: l, address: 127.0.0.1:8000}]
upstreams: {u: "http://127.0.0.1:1000"}
waf: {rules: [/rules/own.conf]}
routes: [${routes.join(',')}]
`;
  const files = memoryFiles({ '/s.yaml': text, '/rules/own.conf': RULE, '/rules/words.data': 'evil\n' });
  const read: string[] = [];
  const counting: FileReader = {
    ...files,
    readBytes: (path, bytesMax) => {
      read.push(path);
      return files.readBytes(path, bytesMax);
    },
  };
  const result = loadConfig({ path: '/s.yaml', environment: {}, files: counting, nowMs: 0 });
  expect(result.ok ? [] : result.problems).toEqual([]);
  expect(read.filter((path) => path.startsWith('/rules/'))).toEqual(['/rules/own.conf', '/rules/words.data']);
});
