import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fetchInto, filesOf, type PinnedFile } from './data.ts';

describe('fetching test data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-data-'));
  let server: Server;
  let origin: string;
  let asked: string[];

  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/gone') response.writeHead(404);
      if (request.url === '/moved') response.writeHead(302, { location: '/a' });
      response.end(`text of ${request.url}`);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });

  beforeEach(() => {
    asked = [];
  });

  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const pinned = (name: string, text = `text of /${name}`): PinnedFile => ({
    path: `set/${name}`,
    url: `${origin}/${name}`,
    sha256: createHash('sha256').update(text).digest('hex'),
  });

  test('writes what is as pinned, and asks for it once', async () => {
    await fetchInto(folder, [pinned('a'), pinned('b')]);
    await fetchInto(folder, [pinned('a'), pinned('b')]);
    expect(asked.toSorted()).toEqual(['/a', '/b']);
    expect(readFileSync(join(folder, 'set/a'), 'utf8')).toBe('text of /a');
  });

  test.each([
    ['that is not the pinned one', 'c', 'another text', 'pinned is'],
    ['that is gone', 'gone', 'text', 'answered 404'],
    ['that a redirect would fetch from somewhere else', 'moved', 'text of /a', 'could not be fetched'],
  ])('keeps nothing of a file %s', async (_, name, text, message) => {
    await expect(fetchInto(folder, [pinned(name, text)])).rejects.toThrow(message);
    expect(readdirSync(join(folder, 'set')).filter((file) => file.startsWith(name))).toEqual([]);
  });

  test('says what to do without network', async () => {
    const unreachable = { ...pinned('d'), url: 'http://127.0.0.1:1/d' };
    await expect(fetchInto(folder, [unreachable])).rejects.toThrow('set SALLYPORT_DATA to a folder');
  });
});

describe('where test data comes from', () => {
  const source = { repository: 'owner/name', commit: 'abc', files: { 'x y.txt': '1', COPYING: '2' } };

  test.each([
    ['a folder of a repository', { ...source, folder: 'set', path: 'test/data' }, 'abc/test/data/x%20y.txt'],
    ['the root of a repository', { ...source, folder: 'set', path: '' }, 'abc/x%20y.txt'],
  ])('is %s, at a commit', (_, each, url) => {
    expect(filesOf([each])[0]).toEqual({
      path: 'set/x y.txt',
      url: `https://raw.githubusercontent.com/owner/name/${url}`,
      sha256: '1',
    });
  });

  test('is the root of the repository for licences', () => {
    const files = filesOf([{ ...source, folder: 'set', path: 'test/data', rootFiles: ['COPYING'] }]);
    expect(files.map(({ url }) => url.slice(-14))).toContain('me/abc/COPYING');
  });
});
