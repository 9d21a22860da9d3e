import type { EngineMode, EngineSettings } from './rule.ts';

type Writable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/** Settings while the files are read. */
export type SettingsDraft = Writable<EngineSettings>;

/** What holds where the files say nothing: ModSecurity's recommended values, and refusal of what is larger. */
export function defaultSettings(): SettingsDraft {
  return {
    mode: 'On',
    requestBodyAccess: true,
    responseBodyAccess: false,
    requestBodyBytesMax: 13_107_200,
    requestBodyOverLimit: 'reject',
    jsonDepthMax: 512,
    argumentsMax: 1_000,
    responseBodyBytesMax: 524_288,
    responseBodyOverLimit: 'partial',
    responseMimeTypes: new Set(['text/plain', 'text/html', 'text/xml']),
    componentSignatures: [],
    collectionTimeoutSeconds: 3_600,
  };
}

/** 'done', a sentence about a bad value, or undefined when the directive is none of these. */
export function applySetting(
  draft: SettingsDraft,
  name: string,
  values: readonly string[],
): 'done' | { problem: string } | { ignored: string } | undefined {
  const setting = SETTINGS.get(name.toLowerCase());
  if (setting !== undefined) {
    const problem = setting(draft, values[0] ?? '', values);
    return problem === undefined ? 'done' : { problem: `${name}: ${problem}` };
  }
  const why = WITHOUT_EFFECT.get(name.toLowerCase());
  return why === undefined ? undefined : { ignored: `${name} has no effect: ${why}` };
}

type Setting = (draft: SettingsDraft, value: string, values: readonly string[]) => string | undefined;

const SETTINGS: ReadonlyMap<string, Setting> = new Map<string, Setting>([
  ['secruleengine', (draft, value) => choose(MODES, value, (mode) => Object.assign(draft, { mode }))],
  [
    'secrequestbodyaccess',
    (draft, value) => choose(SWITCH, value, (is) => Object.assign(draft, { requestBodyAccess: is })),
  ],
  [
    'secresponsebodyaccess',
    (draft, value) => choose(SWITCH, value, (is) => Object.assign(draft, { responseBodyAccess: is })),
  ],
  [
    'secrequestbodylimit',
    (draft, value) => count(value, (bytes) => Object.assign(draft, { requestBodyBytesMax: bytes })),
  ],
  [
    'secrequestbodylimitaction',
    (draft, value) => choose(OVER_LIMIT, value, (action) => Object.assign(draft, { requestBodyOverLimit: action })),
  ],
  [
    'secrequestbodyjsondepthlimit',
    (draft, value) => count(value, (depth) => Object.assign(draft, { jsonDepthMax: depth })),
  ],
  ['secargumentslimit', (draft, value) => count(value, (args) => Object.assign(draft, { argumentsMax: args }))],
  [
    'secresponsebodylimit',
    (draft, value) => count(value, (bytes) => Object.assign(draft, { responseBodyBytesMax: bytes })),
  ],
  [
    'secresponsebodylimitaction',
    (draft, value) => choose(OVER_LIMIT, value, (action) => Object.assign(draft, { responseBodyOverLimit: action })),
  ],
  [
    'secresponsebodymimetype',
    (draft, _value, values) => {
      draft.responseMimeTypes = new Set(values.map((type) => type.toLowerCase()));
      return values.length === 0 ? 'names no type' : undefined;
    },
  ],
  [
    'secresponsebodymimetypesclear',
    (draft) => {
      draft.responseMimeTypes = new Set();
      return undefined;
    },
  ],
  [
    'seccomponentsignature',
    (draft, value) => {
      draft.componentSignatures = [...draft.componentSignatures, value];
      return undefined;
    },
  ],
  [
    'seccollectiontimeout',
    (draft, value) => count(value, (seconds) => Object.assign(draft, { collectionTimeoutSeconds: seconds })),
  ],
]);

const MODES: ReadonlyMap<string, EngineMode> = new Map<string, EngineMode>([
  ['on', 'On'],
  ['off', 'Off'],
  ['detectiononly', 'DetectionOnly'],
]);
const SWITCH: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['off', false],
]);
const OVER_LIMIT: ReadonlyMap<string, 'partial' | 'reject'> = new Map<string, 'partial' | 'reject'>([
  ['reject', 'reject'],
  ['processpartial', 'partial'],
]);

function choose<Value>(
  among: ReadonlyMap<string, Value>,
  text: string,
  apply: (value: Value) => unknown,
): string | undefined {
  const value = among.get(text.toLowerCase());
  if (value === undefined) return `${text} is none of ${[...among.keys()].join(', ')}`;
  apply(value);
  return undefined;
}

function count(text: string, apply: (value: number) => unknown): string | undefined {
  if (!/^[1-9]\d{0,9}$/.test(text)) return `${text} is not a whole number above 0`;
  apply(Number(text));
  return undefined;
}

const EVENTS = 'what is recorded is what the gateway records';
const LINEAR = 'patterns run in linear time, within the step budget';
const STREAM = 'bodies stay in memory, within the body limit';

/** Directives of common configurations that change nothing here, each with its reason. */
const WITHOUT_EFFECT: ReadonlyMap<string, string> = new Map([
  ...['secauditengine', 'secauditlog', 'secauditlogparts', 'secauditlogrelevantstatus', 'secauditlogtype'].map(
    (name) => [name, EVENTS] as const,
  ),
  ...['secauditlog2', 'secauditlogstoragedir', 'secauditlogformat', 'secauditlogdirmode', 'secauditlogfilemode'].map(
    (name) => [name, EVENTS] as const,
  ),
  ...['secdebuglog', 'secdebugloglevel', 'secguardianlog', 'secstatusengine', 'secsensorid', 'secwebappid'].map(
    (name) => [name, EVENTS] as const,
  ),
  ...['secpcrematchlimit', 'secpcrematchlimitrecursion', 'secrxprefilter'].map((name) => [name, LINEAR] as const),
  ...['sectmpdir', 'secdatadir', 'secuploaddir', 'secuploadkeepfiles', 'secuploadfilelimit', 'secuploadfilemode'].map(
    (name) => [name, STREAM] as const,
  ),
  ...['secrequestbodyinmemorylimit', 'secrequestbodynofileslimit', 'sectmpsaveuploadedfiles'].map(
    (name) => [name, STREAM] as const,
  ),
  ['secunicodemapfile', 'the map of look-alikes is built in'],
  ['seccookieformat', 'cookies are read as RFC 6265 says'],
  ['secargumentseparator', 'arguments are separated by &'],
  ['secserversignature', 'the gateway writes its own headers'],
]);
