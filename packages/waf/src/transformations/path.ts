/** Takes out empty and `.` segments and resolves `..` as far as the path goes; a leading and a trailing `/` stay. */
export function normalizePath(text: string): string {
  if (text === '' || !/\/\/|\/?\./.test(text)) return text;
  const isAbsolute = text.startsWith('/');
  const kept: string[] = [];
  for (const segment of text.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment !== '..') kept.push(segment);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!isAbsolute) kept.push('..');
  }
  const isFolder = text.endsWith('/') && kept.length > 0;
  const normal = `${isAbsolute ? '/' : ''}${kept.join('/')}${isFolder ? '/' : ''}`;
  return normal === text ? text : normal;
}

/** As `normalizePath`, after every `\` became a `/`. */
export function normalizePathWin(text: string): string {
  return normalizePath(text.includes('\\') ? text.replaceAll('\\', '/') : text);
}
