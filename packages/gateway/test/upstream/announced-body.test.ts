import { expect, test } from 'vitest';
import { always, startServer } from './scripted-server.ts';
import { ask, setUp } from './setup.ts';

// What such a server sends late would be the answer to the next request.
test('asks nothing more on a connection whose 204 announced a body', async () => {
  await using server = await startServer(always('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'));
  const { upstream } = setUp([server.port]);
  for (let count = 0; count < 3; count += 1) expect((await ask(upstream)).short).toBe('204 ');
  expect(server.connections()).toBe(3);
});
