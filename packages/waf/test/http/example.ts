import { createServer, type Server } from 'node:http';
import { createWaf, explain, explanationText, starterPack } from '@sallyport/waf';
import { wafMiddleware } from '@sallyport/waf/http';

const created = createWaf(starterPack());
if (created.kind === 'invalid') throw new Error(created.diagnostics.map(({ message }) => message).join('\n'));

const inspect = wafMiddleware({
  waf: created.waf,
  onEnd: (transaction, request) => {
    if (transaction.interruption === undefined) return;
    process.stderr.write(explanationText(explain(transaction, { path: request.url?.split('?', 1)[0] })));
  },
});

export const server: Server = createServer((request, response) => {
  inspect(request, response, () => {
    response.end('hello\n');
  });
});
