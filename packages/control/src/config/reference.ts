import { PROFILES } from '@sallyport/kernel';
import { z } from 'zod';
import type { ParseContext } from './context.ts';
import { textFiles } from './files.ts';
import { FILE_KEYS, fileSchemas, wholeFile } from './schema/file.ts';
import { PROFILE_NAMES } from './schema/route.ts';
import { formatDuration, formatSize } from './units.ts';

/** The JSON Schema of the configuration file, for editors: draft 2020-12, as text. */
export function renderJsonSchema(): string {
  const schema = z.toJSONSchema(wholeFile(fileSchemas(NO_CONTEXT)), { io: 'input' });
  const published = {
    ...publish(schema),
    title: 'Sallyport configuration',
    description: 'One file, version 1. Texts may be ${env:NAME}; secrets must be ${env:NAME} or ${file:PATH}.',
  };
  return `${JSON.stringify(published, undefined, 2)}\n`;
}

/** The reference of the configuration file as Markdown: every key with what it takes, its default and its meaning. */
export function renderConfigurationReference(): string {
  const schema = z.toJSONSchema(wholeFile(fileSchemas(NO_CONTEXT)), { io: 'input' });
  const properties = nodes(schema['properties']);
  const parts = FILE_KEYS.flatMap((key) => {
    const node = properties.find(([name]) => name === key)?.[1];
    return node === undefined ? [] : renderKey(key, node);
  });
  return `${[INTRODUCTION, renderOverview(properties, schema.required ?? []), ...parts, renderProfiles()].join('\n\n')}\n`;
}

type Node = Readonly<Record<string, unknown>>;

/** Documentation needs no files, no environment and no clock: nothing is parsed. */
const NO_CONTEXT: ParseContext = {
  mode: 'production',
  directory: '/',
  files: textFiles(new Map()),
  nowMs: 0,
  foreignValues: new Map(),
  isWarning: false,
};

const INTRODUCTION = `<!-- Generated from packages/control/src/config by \`npm run generate\`. Do not edit. -->

# Configuration

One YAML file, checked as a whole before anything starts: \`sallyport check -c sallyport.yaml\` lists every problem with
its line, and \`sallyport check --print\` shows what holds, defaults included and secrets left out. A key that is not
listed here is a problem, never ignored. [The first configuration](../first-configuration.md) explains one step by step;
editors complete and check the file with [sallyport.schema.json](sallyport.schema.json).

- **Durations** carry a unit: \`500ms\`, \`30s\`, \`5m\`, \`2h\`, \`1d\`.
- **Sizes** carry a unit: \`512B\`, \`10KB\`, \`1MB\`, \`1GB\`. A kilobyte is 1,024 bytes: a limit of \`10KB\` lets 10,240 bytes
  pass and refuses 10,241.
- **Addresses** to listen on are \`127.0.0.1:8080\`, \`[::1]:8080\` or \`unix:/run/sallyport/http.sock\`; servers are
  \`http://HOST:PORT\`, \`https://HOST:PORT\` or \`unix:PATH\`.
- **Relative paths** begin at the folder of the configuration file.
- **References:** \`\${env:NAME}\` may stand in any text. Where \`NAME\` is not set and \`NAME_FILE\` is, the file that it names
  is read. \`\${file:PATH}\` as the whole value reads a file. Secrets are taken in no other way. Beside the process
  environment, \`.env.MODE\` and then \`.env\` next to the configuration are read; the process environment wins.
- **Secrets** must be worth about 32 random bytes (\`openssl rand -base64 32\`), and their files, private keys and \`.env\`
  files may be read by their owner alone: production refuses to start otherwise, other modes warn.
- **YAML** 1.2 without anchors, aliases, tags and merge keys, at most 1 MB.`;

function renderOverview(properties: readonly (readonly [string, Node])[], required: readonly string[]): string {
  const rows = properties.map(([key, node]) => [
    `\`${key}\``,
    defaultOf(node) || (required.includes(key) ? 'required' : ''),
    purposeOf(node),
  ]);
  return `## The file\n\n${table(['Key', 'Default', 'Meaning'], rows)}`;
}

/** A heading for each section, a table of its keys, and the sections within. */
function renderKey(path: string, node: Node): readonly string[] {
  const sections = sectionsOf(node);
  if (sections.length === 0) return [];
  return sections.flatMap(({ suffix, shape }) => {
    const here = `${path}${suffix}`;
    const kind = kindOf(shape);
    const heading = kind === undefined ? `## \`${here}\`` : `## \`${here}\`: \`kind: ${kind}\``;
    const properties = nodes(shape['properties']);
    const required = Array.isArray(shape['required']) ? shape['required'] : [];
    const rows = properties.map(([key, property]) => [
      `\`${key}\``,
      takes(property),
      defaultOf(property) || (required.includes(key) ? 'required' : ''),
      purposeOf(property),
    ]);
    const description = text(shape['description']);
    const lines = [heading, description, table(['Key', 'Takes', 'Default', 'Meaning'], rows)];
    const inner = properties.flatMap(([key, property]) => renderKey(`${here}.${key}`, property));
    return [lines.filter((line) => line !== '').join('\n\n'), ...inner];
  });
}

function renderProfiles(): string {
  const row = (key: string, show: (name: (typeof PROFILE_NAMES)[number]) => string): readonly string[] => [
    `\`${key}\``,
    ...PROFILE_NAMES.map(show),
  ];
  const rows = [
    row('request.bodyMax', (name) => formatSize(PROFILES[name].request.bodyBytesMax)),
    row('request.headerMax', (name) => formatSize(PROFILES[name].request.headerBytesMax)),
    row('request.headerCountMax', (name) => String(PROFILES[name].request.headersMax)),
    row('request.targetMax', (name) => formatSize(PROFILES[name].request.targetBytesMax)),
    row('request.bodyRateMin', (name) => formatSize(PROFILES[name].request.bodyBytesPerSecondMin)),
    row('request.bodyGrace', (name) => formatDuration(PROFILES[name].request.bodyGraceMs)),
    row('request.totalTimeout', (name) => formatDuration(PROFILES[name].request.totalMs)),
    row('request.stallTimeout', (name) => formatDuration(PROFILES[name].request.stallMs)),
    row('webSocket.allowed', (name) => String(PROFILES[name].webSocket.isAllowed)),
    row('webSocket.messageMax', (name) => formatSize(PROFILES[name].webSocket.messageBytesMax)),
    row('webSocket.fragmentsMax', (name) => String(PROFILES[name].webSocket.fragmentsMax)),
    row('webSocket.idleTimeout', (name) => formatDuration(PROFILES[name].webSocket.idleMs)),
    row('webSocket.perClientMax', (name) => String(PROFILES[name].webSocket.perClientMax)),
    row('webSocket.bufferMax', (name) => formatSize(PROFILES[name].webSocket.bufferBytesMax)),
    row('webSocket.stallTimeout', (name) => formatDuration(PROFILES[name].webSocket.stallMs)),
  ];
  const introduction = `What a route has where it says nothing. Every profile lets all methods and all content types pass
and refuses bodies on GET and encoded slashes.`;
  return `## Profiles\n\n${introduction}\n\n${table(['Key', ...PROFILE_NAMES], rows)}`;
}

/** The sections that a key may hold: itself, the entries of its list or map, or the branches of a choice. */
function sectionsOf(node: Node, suffix = ''): readonly { readonly suffix: string; readonly shape: Node }[] {
  if (node['properties'] !== undefined) return [{ suffix, shape: node }];
  const items = node['items'];
  if (isNode(items)) return sectionsOf(items, `${suffix}[]`);
  const values = node['additionalProperties'];
  if (isNode(values)) return sectionsOf(values, `${suffix}.NAME`);
  return branchesOf(node).flatMap((branch) => sectionsOf(branch, suffix));
}

function kindOf(shape: Node): string | undefined {
  const kind = nodes(shape['properties']).find(([key]) => key === 'kind')?.[1]['const'];
  return typeof kind === 'string' ? kind : undefined;
}

/** What a key takes, as a phrase. */
function takes(node: Node): string {
  const allowed = text(node['x-allowed']);
  // The examples of units stand once, above.
  if (allowed !== '') return allowed.replace(/^(\S+ to \S+), such as .*$/, '$1');
  const constant = text(node['const']);
  if (constant !== '') return `\`${constant}\``;
  if (node['properties'] !== undefined) return 'a section';
  if (isNode(node['items']))
    return sectionsOf(node).length > 0 ? 'a list of sections' : `a list: ${takes(node['items'])}`;
  if (isNode(node['additionalProperties'])) return `a section of names: ${takes(node['additionalProperties'])}`;
  return [...new Set(branchesOf(node).map(takes))].join('; or ');
}

function defaultOf(node: Node): string {
  const value = node['default'];
  if (value === undefined || (typeof value === 'object' && JSON.stringify(value) === '{}')) return '';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** What a key is for; of a choice what each branch is for. */
function purposeOf(node: Node): string {
  const own = text(node['description']);
  if (own !== '') return own;
  return [...new Set(branchesOf(node).map(purposeOf))].filter((purpose) => purpose !== '').join(' Or: ');
}

function branchesOf(node: Node): readonly Node[] {
  return [node['anyOf'], node['oneOf']].flatMap((branches) => (Array.isArray(branches) ? branches.filter(isNode) : []));
}

function nodes(properties: unknown): readonly (readonly [string, Node])[] {
  if (!isNode(properties)) return [];
  return Object.entries(properties).flatMap(([key, node]) => (isNode(node) ? [[key, node] as const] : []));
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What editors need: our own keyword goes, and what has a form of its own may also be a reference. Secrets are left as
 * they are: for them the reference is the only form.
 */
function publish(node: Node): Node {
  const { 'x-allowed': allowed, ...rest } = node;
  const inner = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, publishValue(value)]));
  const isFormed =
    inner['enum'] !== undefined ||
    inner['pattern'] !== undefined ||
    inner['type'] === 'integer' ||
    inner['type'] === 'number';
  const isSecret = text(inner['pattern']).startsWith('^\\$');
  if (allowed === undefined || !isFormed || isSecret) return inner;
  const { description, default: initial, ...form } = inner;
  const facts = {
    ...(description === undefined ? {} : { description }),
    ...(initial === undefined ? {} : { default: initial }),
  };
  return { ...facts, anyOf: [form, { type: 'string', pattern: '\\$\\{(env|file):[^{}]+\\}' }] };
}

function publishValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(publishValue);
  return isNode(value) ? publish(value) : value;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
