/**
 * Environment text to typed configuration. Pure: what files and the real environment hold is collected by
 * `env-file.ts`. All faults are reported at once, each with its fix; the value of a secret is never repeated.
 */
import { isOptionName, OPTIONS, type OptionName, type Settings } from './config-options.ts';
import type { ConfigProblem, ConfigWarning, Environment } from './config-problem.ts';
import {
  conflicts,
  isDevelopment,
  judgeKeys,
  judgePassword,
  judgeSecret,
  misspellings,
  sourcePassword,
} from './config-rules.ts';
import type { Option } from './option.ts';
import { parseTokenKeys, type TokenKey, type TokenRules } from './token-rules.ts';

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
  readonly stateDir: string | null;
  readonly checkpointFile: string | null;
  readonly nameCacheSize: number;
  /** 0: never. */
  readonly driftCheckMs: number;
  /** 0: never. */
  readonly replicationCheckMs: number;
  readonly overdueMs: number;
}

/** What tokens must look like. */
export interface TokenConfig {
  /** The PHP API's own secret: what `token` mints with. */
  readonly secret: string;
  readonly rules: TokenRules;
  readonly requireKnownUser: boolean;
  readonly isDevelopment: boolean;
}

/** Where and how to serve. */
export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  /** Processes that hold the sockets; `auto`: one for each core; null: this one does. */
  readonly workers: number | 'auto' | null;
  readonly path: string | null;
  /** Null: any origin. */
  readonly allowedOrigins: readonly string[] | null;
  readonly requireOrigin: boolean;
  /** Null: any name. */
  readonly allowedHosts: readonly string[] | null;
  readonly trustedProxies: readonly string[];
  readonly tlsCertFile: string | null;
  readonly tlsKeyFile: string | null;
  readonly heartbeatMs: number;
  readonly drainMs: number;
  readonly handshakeMs: number;
  readonly authenticateMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxConnectionsPerUser: number;
  readonly newConnectionsPerSecond: number;
  readonly maxHandshakes: number;
  readonly maxFailedAuthentications: number;
  readonly authenticationDelayMs: number;
  readonly maxFragments: number;
  readonly maxSubscriptions: number;
  readonly maxMessageBytes: number;
  readonly messagesPerSecond: number;
}

/** How messages are worded. */
export interface MessageConfig {
  readonly bidderNames: Settings['BIDDER_NAMES'];
  readonly upcomingItems: Settings['UPCOMING_ITEMS'];
  readonly legacyTimes: boolean;
}

/** What is kept for clients that come back. */
export interface HistoryConfig {
  readonly ageMs: number;
  readonly events: number;
  readonly bytes: number;
  /** Row changes held while it is filled again at a start. */
  readonly refillChanges: number;
}

/** Where metrics and the admin page are. */
export interface AdminConfig {
  readonly host: string;
  /** 0: nowhere. */
  readonly port: number;
  /** What actions ask for; null: there are none. */
  readonly token: string | null;
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
  readonly history: HistoryConfig;
  readonly admin: AdminConfig;
  readonly log: LogConfig;
}

/** A proxy on the same machine. */
const LOOPBACK: readonly string[] = ['127.0.0.0/8', '::1'];

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
  if (parts.includes('tokens')) {
    judgeSecret(settings, problems, warnings);
    judgeKeys(settings, problems);
  }
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
    case 'history':
    case 'admin':
      return 'server';
    case 'messages':
    case 'log':
      return null;
  }
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
      stateDir: settings.STATE_DIR,
      checkpointFile: settings.CHECKPOINT_FILE,
      nameCacheSize: settings.NAME_CACHE_SIZE,
      driftCheckMs: settings.DRIFT_CHECK_MINUTES * 60_000,
      replicationCheckMs: settings.REPLICATION_CHECK_SECONDS * 1000,
      overdueMs: settings.OVERDUE_SECONDS * 1000,
    },
    tokens: {
      secret: settings.JWT_SECRET,
      rules: tokenRules(settings),
      requireKnownUser: settings.REQUIRE_KNOWN_USER,
      isDevelopment: isDevelopment(settings),
    },
    server: assembleServer(settings),
    messages: {
      bidderNames: settings.BIDDER_NAMES,
      upcomingItems: settings.UPCOMING_ITEMS,
      legacyTimes: settings.LEGACY_TIMES,
    },
    history: {
      ageMs: settings.HISTORY_MINUTES * 60_000,
      events: settings.HISTORY_EVENTS,
      refillChanges: settings.HISTORY_REFILL_CHANGES,
      bytes: settings.HISTORY_BYTES,
    },
    admin: {
      host: settings.ADMIN_HOST,
      port: settings.ADMIN_PORT,
      token: settings.ADMIN_TOKEN,
    },
    log: { level: settings.LOG_LEVEL, format: settings.LOG_FORMAT },
  };
}

function workersOf(word: string): ServerConfig['workers'] {
  if (word === 'off') return null;
  return word === 'auto' ? 'auto' : Number(word);
}

function assembleServer(settings: Settings): ServerConfig {
  return {
    host: settings.WS_HOST,
    port: settings.WS_PORT,
    reusePort: settings.WS_REUSE_PORT,
    workers: workersOf(settings.WORKERS),
    path: settings.WS_PATH,
    allowedOrigins: settings.ALLOWED_ORIGINS.length === 0 ? null : settings.ALLOWED_ORIGINS,
    requireOrigin: settings.REQUIRE_ORIGIN,
    allowedHosts: settings.ALLOWED_HOSTS.length === 0 ? null : settings.ALLOWED_HOSTS,
    trustedProxies: trustedProxies(settings.TRUSTED_PROXIES),
    tlsCertFile: settings.WS_TLS_CERT,
    tlsKeyFile: settings.WS_TLS_KEY,
    heartbeatMs: settings.HEARTBEAT_SECONDS * 1000,
    drainMs: settings.DRAIN_SECONDS * 1000,
    handshakeMs: settings.HANDSHAKE_SECONDS * 1000,
    authenticateMs: settings.AUTHENTICATE_SECONDS * 1000,
    maxConnections: settings.MAX_CONNECTIONS,
    maxConnectionsPerAddress: settings.MAX_CONNECTIONS_PER_ADDRESS,
    maxConnectionsPerUser: settings.MAX_CONNECTIONS_PER_USER,
    newConnectionsPerSecond: settings.NEW_CONNECTIONS_PER_SECOND,
    maxHandshakes: settings.MAX_HANDSHAKES,
    maxFailedAuthentications: settings.MAX_FAILED_AUTHENTICATIONS,
    authenticationDelayMs: settings.AUTHENTICATION_DELAY_SECONDS * 1000,
    maxFragments: settings.MAX_FRAGMENTS,
    maxSubscriptions: settings.MAX_SUBSCRIPTIONS,
    maxMessageBytes: settings.MAX_MESSAGE_BYTES,
    messagesPerSecond: settings.MESSAGES_PER_SECOND,
  };
}

function trustedProxies(entries: readonly string[]): readonly string[] {
  return entries.length === 0 ? LOOPBACK : entries.filter((entry) => entry !== 'none');
}

/** `JWT_SECRET` comes first; an empty one (development) counts only where there is no other key. */
function tokenRules(settings: Settings): TokenRules {
  const further = settings.JWT_KEYS === null ? [] : (parseTokenKeys(settings.JWT_KEYS) ?? []);
  const portal: TokenKey = { algorithm: 'HS256', kid: null, secret: settings.JWT_SECRET };
  const isAlone = further.length === 0 && settings.JWKS_URL === null;
  return {
    keys: settings.JWT_SECRET !== '' || isAlone ? [portal, ...further] : further,
    remote:
      settings.JWKS_URL === null
        ? null
        : { url: settings.JWKS_URL, algorithm: settings.JWKS_ALGORITHM },
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    toleranceMs: settings.JWT_CLOCK_TOLERANCE_SECONDS * 1000,
    userClaim: settings.JWT_USER_CLAIM,
    lifetimeMaxMs: settings.JWT_LIFETIME_MAX_DAYS * 86_400_000,
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
