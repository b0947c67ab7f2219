/**
 * Environment text to typed configuration. Pure: what files and the real environment hold is collected by
 * `env-file.ts`. All faults are reported at once, each with its fix; the value of a secret is never repeated.
 */
import {
  EXAMPLE_JWT_SECRET,
  isOptionName,
  JWT_SECRET_BYTES_MIN,
  OPTIONS,
  type OptionName,
  type Settings,
} from './config-options.ts';
import type { Option } from './option.ts';

/** Variables by name, as `process.env` or a parsed `.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What must be mended before the program can start. */
export interface ConfigProblem {
  readonly name: string;
  /** Completes the sentence `NAME …`. */
  readonly problem: string;
  /** What to write, and where. */
  readonly fix: string;
}

/** What the operator should know, though the program can start. */
export interface ConfigWarning {
  readonly name: string;
  readonly warning: string;
}

/** How to reach the source. */
export interface SourceConfig {
  readonly host: string;
  readonly port: number;
  readonly socketPath: string | null;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls: Settings['SOURCE_TLS'];
  readonly tlsCaFile: string | null;
  /** IANA name or `±HH:MM`; null: the server's. */
  readonly timeZone: string | null;
  readonly mappingFile: string | null;
  readonly serverId: number | null;
  readonly onPositionLost: Settings['ON_POSITION_LOST'];
  readonly heartbeatMs: number;
  readonly queueBytes: number;
  readonly nameCacheSize: number;
}

/** What tokens are signed with. */
export interface TokenConfig {
  readonly secret: string;
  readonly isDevelopment: boolean;
}

/** Where and how to serve. */
export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  readonly path: string | null;
  /** Empty: any origin. */
  readonly allowedOrigins: readonly string[];
  readonly heartbeatMs: number;
  readonly drainMs: number;
  readonly maxConnections: number;
  readonly maxSubscriptions: number;
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
}

/** How messages are worded. */
export interface MessageConfig {
  readonly bidderNames: Settings['BIDDER_NAMES'];
  readonly legacyTimes: boolean;
}

export interface LogConfig {
  readonly level: Settings['LOG_LEVEL'];
  readonly format: Settings['LOG_FORMAT'];
}

export interface Config {
  /** False: `serve` has nothing to do. */
  readonly isEnabled: boolean;
  readonly source: SourceConfig;
  readonly tokens: TokenConfig;
  readonly server: ServerConfig;
  readonly messages: MessageConfig;
  readonly log: LogConfig;
}

export type Part = 'source' | 'tokens' | 'server';

/** One line of the effective configuration. */
export interface EffectiveOption {
  readonly name: OptionName;
  /** The value as one would write it, or `(set)` for a secret that is not empty. */
  readonly shown: string;
  readonly isDefault: boolean;
}

export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: Config;
      readonly warnings: readonly ConfigWarning[];
      readonly effective: readonly EffectiveOption[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads the whole configuration.
 *
 * @param parts what the caller will use: faults in the other parts do not count. `token` needs no database. Default: all
 */
export function loadConfig(
  env: Environment,
  parts: readonly Part[] = ['source', 'tokens', 'server'],
): ConfigResult {
  const problems: ConfigProblem[] = [];
  const settings = parseSettings(env, parts, problems);
  const warnings = [...misspellings(env), ...conflicts(settings)];
  if (parts.includes('tokens')) judgeSecret(settings, problems, warnings);
  if (problems.length > 0) return { ok: false, problems };
  if (parts.includes('source')) judgePassword(settings, warnings);
  return {
    ok: true,
    config: assemble(settings),
    warnings,
    effective: effectiveOptions(settings, env),
  };
}

/** What `WS_ENABLED` says, whatever else is wrong: a portal that does not push needs no complete configuration. */
export function isEnabled(env: Environment): boolean {
  const parsed = OPTIONS.WS_ENABLED.schema.safeParse(env['WS_ENABLED']?.trim() ?? '');
  return parsed.success ? parsed.data : true;
}

function parseSettings(
  env: Environment,
  parts: readonly Part[],
  problems: ConfigProblem[],
): Settings {
  const isUsed = (option: Option<unknown>): boolean => {
    const part = partOf(option);
    return part === null || parts.includes(part);
  };
  const entries = Object.entries(OPTIONS).map(([name, option]: [string, Option<unknown>]) => {
    const text = valueOf(env, name, option);
    if (text === '') {
      if (option.isRequired && isUsed(option) && !isReplaced(env, name)) {
        problems.push({
          name,
          problem: 'is required',
          fix: `set ${name}, for example ${name}=${option.example}`,
        });
      }
      return [name, option.defaultValue] as const;
    }
    const parsed = option.schema.safeParse(text);
    if (parsed.success) return [name, parsed.data] as const;
    if (isUsed(option)) {
      const problem = parsed.error.issues[0]?.message ?? 'is not usable';
      const or = option.isRequired ? '' : ', or leave it out';
      problems.push({ name, problem, fix: `for example ${name}=${option.example}${or}` });
    }
    return [name, option.defaultValue] as const;
  });
  // The table's own keys and the values its own schemas gave: what `Object.fromEntries` cannot know.
  return Object.fromEntries(entries) as unknown as Settings;
}

/** Blanks around a value are an editor's slip everywhere but in a secret. */
function valueOf(env: Environment, name: string, option: Option<unknown>): string {
  const text = env[name] ?? '';
  return option.isSecret ? text : text.trim();
}

function isReplaced(env: Environment, name: string): boolean {
  return name === 'DB_USER' && (env['SOURCE_USER'] ?? '').trim() !== '';
}

/** The part an option belongs to; null for what every command uses. */
function partOf(option: Option<unknown>): Part | null {
  switch (option.section) {
    case 'database':
    case 'binlog':
      return 'source';
    case 'tokens':
      return 'tokens';
    case 'server':
    case 'limits':
      return 'server';
    case 'messages':
    case 'log':
      return null;
  }
}

function judgeSecret(
  settings: Settings,
  problems: ConfigProblem[],
  warnings: ConfigWarning[],
): void {
  const name = 'JWT_SECRET';
  const secret = settings.JWT_SECRET;
  const weakness = weaknessOf(secret);
  if (weakness === null) return;
  const isShort = secret !== '' && secret !== EXAMPLE_JWT_SECRET;
  if (isDevelopment(settings) || (isShort && settings.ALLOW_WEAK_JWT_SECRET)) {
    warnings.push({ name, warning: `${weakness}: anyone may guess it and mint tokens` });
    return;
  }
  const change = 'give the PHP API and Gavelcast the same random one (openssl rand -base64 48)';
  const meanwhile = isShort ? '; ALLOW_WEAK_JWT_SECRET=1 takes it meanwhile' : '';
  const fix = `${change}${meanwhile}; APP_ENV=development takes any`;
  problems.push({ name, problem: weakness, fix });
}

function weaknessOf(secret: string): string | null {
  if (secret === '') return 'is empty';
  if (secret === EXAMPLE_JWT_SECRET) return 'is the one from the example file';
  const bytes = new TextEncoder().encode(secret).length;
  const least = JWT_SECRET_BYTES_MIN.toString();
  return bytes < JWT_SECRET_BYTES_MIN ? `has fewer than ${least} bytes` : null;
}

function judgePassword(settings: Settings, warnings: ConfigWarning[]): void {
  const name = settings.SOURCE_USER === null ? 'DB_PASSWORD' : 'SOURCE_PASSWORD';
  if (sourcePassword(settings) !== '' || isDevelopment(settings)) return;
  warnings.push({ name, warning: 'is empty: the database lets anyone in who reaches it' });
}

function conflicts(settings: Settings): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  if (settings.SOURCE_SOCKET !== null && settings.SOURCE_HOST !== null) {
    warnings.push({ name: 'SOURCE_HOST', warning: 'is not used, because SOURCE_SOCKET is set' });
  }
  if (settings.SOURCE_TLS_CA !== null && !settings.SOURCE_TLS.startsWith('verify')) {
    const warning = `is not used, because SOURCE_TLS=${settings.SOURCE_TLS} verifies nothing`;
    warnings.push({ name: 'SOURCE_TLS_CA', warning });
  }
  return warnings;
}

function isDevelopment(settings: Settings): boolean {
  return settings.APP_ENV === 'development';
}

function sourcePassword(settings: Settings): string {
  return settings.SOURCE_PASSWORD ?? settings.DB_PASSWORD;
}

function assemble(settings: Settings): Config {
  return {
    isEnabled: settings.WS_ENABLED,
    source: {
      host: settings.SOURCE_HOST ?? settings.DB_HOST,
      port: settings.SOURCE_PORT ?? settings.DB_PORT,
      socketPath: settings.SOURCE_SOCKET,
      user: settings.SOURCE_USER ?? settings.DB_USER,
      password: sourcePassword(settings),
      database: settings.DB_NAME,
      tls: settings.SOURCE_TLS,
      tlsCaFile: settings.SOURCE_TLS_CA,
      timeZone: settings.DB_TIMEZONE,
      mappingFile: settings.MAPPING_FILE,
      serverId: settings.SERVER_ID,
      onPositionLost: settings.ON_POSITION_LOST,
      heartbeatMs: settings.SOURCE_HEARTBEAT_MS,
      queueBytes: settings.QUEUE_BYTES,
      nameCacheSize: settings.NAME_CACHE_SIZE,
    },
    tokens: { secret: settings.JWT_SECRET, isDevelopment: isDevelopment(settings) },
    server: {
      host: settings.WS_HOST,
      port: settings.WS_PORT,
      path: settings.WS_PATH,
      allowedOrigins: settings.ALLOWED_ORIGINS,
      heartbeatMs: settings.HEARTBEAT_SECONDS * 1000,
      drainMs: settings.DRAIN_SECONDS * 1000,
      maxConnections: settings.MAX_CONNECTIONS,
      maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
      maxMessageBytes: settings.MAX_MESSAGE_BYTES,
      messagesPerSecond: settings.MESSAGES_PER_SECOND,
    },
    messages: { bidderNames: settings.BIDDER_NAMES, legacyTimes: settings.LEGACY_TIMES },
    log: { level: settings.LOG_LEVEL, format: settings.LOG_FORMAT },
  };
}

function effectiveOptions(settings: Settings, env: Environment): EffectiveOption[] {
  return Object.keys(OPTIONS)
    .filter(isOptionName)
    .map((name) => {
      const option: Option<unknown> = OPTIONS[name];
      const value = settings[name];
      const isDefault = valueOf(env, name, option) === '';
      return { name, shown: show(value, option), isDefault };
    });
}

function show(value: Settings[OptionName], option: Option<unknown>): string {
  if (value === null || value === '') return '';
  if (option.isSecret) return '(set)';
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** Names that are one slip of the finger away from ours. All others are the PHP side's business. */
function misspellings(env: Environment): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const ours = Object.keys(OPTIONS);
  const isOurs = (name: string): boolean =>
    isOptionName(name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : name) ||
    isOptionName(name);
  for (const name of Object.keys(env)) {
    if (isOurs(name)) continue;
    const meant = ours.find((own) => isOneSlipAway(name, own));
    if (meant !== undefined)
      warnings.push({ name, warning: `is not known; did you mean ${meant}?` });
  }
  return warnings;
}

/** One letter more, less, other, or two neighbours swapped. */
function isOneSlipAway(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  const restA = a.slice(start);
  const restB = b.slice(start);
  const isOther = restA.slice(1) === restB.slice(1);
  const isMoreOrLess = restA.slice(1) === restB || restA === restB.slice(1);
  const isSwapped =
    restA.length > 1 &&
    restA[0] === restB[1] &&
    restA[1] === restB[0] &&
    restA.slice(2) === restB.slice(2);
  return a !== b && (isOther || isMoreOrLess || isSwapped);
}
