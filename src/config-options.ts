/**
 * The table of options. Names up to `WS_ENABLED` are the PHP API's own, so that both read one `.env`.
 */
import { parseZone } from './auction/zone.ts';
import { isAddressRange } from './address-range.ts';
import { LIMIT_OPTIONS } from './config-limit-options.ts';
import { TOKEN_OPTIONS } from './config-token-options.ts';
import { choice, flag, integer, list, text, type Option } from './option.ts';

const HOST_KIND = 'host name or address';
const HOST_MESSAGE = 'must be a host name or an address, without scheme, port or path';
const PORT_MAX = 65_535;

export const OPTIONS = {
  DB_HOST: text({
    section: 'database',
    text: "The portal's database server. Gavelcast always uses TCP here, also for `localhost`.",
    kind: HOST_KIND,
    default: '127.0.0.1',
    example: '127.0.0.1',
    test: isHost,
    message: HOST_MESSAGE,
  }),
  DB_PORT: integer({
    section: 'database',
    text: 'Its port.',
    min: 1,
    max: PORT_MAX,
    default: 3306,
  }),
  DB_NAME: text({
    section: 'database',
    text: "The portal's database (schema).",
    kind: 'name',
    default: '',
    defaultText: 'none: required',
    example: 'auction_portal',
    isRequired: true,
    test: (value) => value.length <= 64,
    message: 'must have at most 64 characters',
  }),
  DB_USER: text({
    section: 'database',
    text: 'The account. It needs SELECT on the database and the replication rights (docs/database.md); not needed where `SOURCE_USER` is set.',
    kind: 'name',
    default: '',
    defaultText: 'none: required',
    example: 'auction_user',
    isRequired: true,
  }),
  DB_PASSWORD: text({
    section: 'database',
    text: "The account's password. An empty one is taken, with a warning outside development.",
    kind: 'text',
    default: '',
    defaultText: 'empty',
    example: '…',
    isSecret: true,
  }),
  SOURCE_HOST: text({
    section: 'database',
    text: 'Server to read from instead of `DB_HOST`: a replica, for example.',
    kind: HOST_KIND,
    default: null,
    defaultText: '`DB_HOST`',
    example: 'replica.internal',
    test: isHost,
    message: HOST_MESSAGE,
  }),
  SOURCE_PORT: integer({
    section: 'database',
    text: 'Its port.',
    min: 1,
    max: PORT_MAX,
    default: null,
    defaultText: '`DB_PORT`',
    example: '3306',
  }),
  SOURCE_USER: text({
    section: 'database',
    text: 'Account of our own at the source, instead of `DB_USER`.',
    kind: 'name',
    default: null,
    defaultText: '`DB_USER`',
    example: 'gavelcast',
  }),
  SOURCE_PASSWORD: text({
    section: 'database',
    text: 'Its password.',
    kind: 'text',
    default: null,
    defaultText: '`DB_PASSWORD`',
    example: '…',
    isSecret: true,
  }),
  SOURCE_SOCKET: text({
    section: 'database',
    text: 'Unix socket of a server on this machine; host and port are then not used.',
    kind: 'absolute path',
    default: null,
    example: '/run/mysqld/mysqld.sock',
    test: (value) => value.startsWith('/'),
    message: 'must be an absolute path',
  }),
  SOURCE_TLS: choice({
    section: 'database',
    text: 'Encryption to the database. `required`: encrypted, any certificate; `verify-ca`: signed by a known authority; `verify-identity`: and made out to the host name.',
    words: ['off', 'required', 'verify-ca', 'verify-identity'],
    default: 'off',
  }),
  SOURCE_TLS_CA: text({
    section: 'database',
    text: "PEM file of the authority that signed the server's certificate.",
    kind: 'path',
    default: null,
    defaultText: "the system's authorities",
    example: '/etc/ssl/mysql-ca.pem',
  }),
  DB_TIMEZONE: text({
    section: 'database',
    text: 'Time zone of the wall-clock times in DATETIME columns: the one that the PHP API sets on its sessions, if it sets one.',
    kind: 'zone name or offset',
    default: null,
    defaultText: "the server's",
    example: 'Europe/Berlin',
    test: (value) => parseZone(value) !== null,
    message: 'must be a zone name such as Europe/Berlin, or an offset such as +02:00',
  }),
  MAPPING_FILE: text({
    section: 'database',
    text: 'JSON file that says which tables, columns and status words mean what, where they cannot be detected.',
    kind: 'path',
    default: null,
    defaultText: 'none: detected from the schema',
    example: '/etc/gavelcast/mapping.json',
  }),
  SERVER_ID: integer({
    section: 'binlog',
    text: 'Our id among the replicas of the source; no two may share one.',
    min: 1,
    max: 4_294_967_295,
    default: null,
    defaultText: 'derived, and checked to be free',
    example: '727401',
  }),
  ON_POSITION_LOST: choice({
    section: 'binlog',
    text: 'When the source refuses our position: `resync` loads a fresh book and tells clients to drop their state (4004); `halt` stops and waits for an operator.',
    words: ['resync', 'halt'],
    default: 'resync',
  }),
  STATE_DIR: text({
    section: 'binlog',
    text: 'Directory of the checkpoint: how far the binlog was handed on. Made where there is none; one that cannot be written to ends the start. Each instance needs one of its own.',
    kind: 'path',
    default: null,
    defaultText: "systemd's (`StateDirectory=`), else none: no checkpoint",
    example: '/var/lib/gavelcast',
  }),
  CHECKPOINT_FILE: text({
    section: 'binlog',
    text: 'The checkpoint itself, where it is to have a name or a place of its own.',
    kind: 'path',
    default: null,
    defaultText: '`gavelcast-<database>.checkpoint.json` in `STATE_DIR`',
    example: '/var/lib/gavelcast/portal.checkpoint.json',
  }),
  SOURCE_HEARTBEAT_MS: integer({
    section: 'binlog',
    text: 'How often an idle source is asked to give a sign of life; after three silent periods the connection counts as dead.',
    unit: 'ms',
    min: 100,
    max: 60_000,
    default: 1000,
  }),
  QUEUE_BYTES: integer({
    section: 'binlog',
    text: 'Memory for transactions that were read and are not yet handed on; reading pauses when it is full.',
    unit: 'bytes',
    min: 65_536,
    max: 4_294_967_296,
    default: 67_108_864,
  }),
  NAME_CACHE_SIZE: integer({
    section: 'binlog',
    text: 'Display names of users that are kept in memory.',
    unit: 'users',
    min: 100,
    max: 10_000_000,
    default: 100_000,
  }),
  DRIFT_CHECK_MINUTES: integer({
    section: 'binlog',
    text: 'How often the book of live auctions is compared with the tables, to find what was written past the binlog (docs/database.md, Drift); `0`: never.',
    unit: 'minutes',
    min: 0,
    max: 10_080,
    default: 15,
  }),
  OVERDUE_SECONDS: integer({
    section: 'binlog',
    text: "How long past its end an auction may stay active before it is reported: the portal's completion cron is then not running.",
    unit: 's',
    min: 1,
    max: 86_400,
    default: 180,
  }),
  ...TOKEN_OPTIONS,
  WS_HOST: text({
    section: 'server',
    text: 'Address to listen on; `127.0.0.1` behind a proxy on the same machine.',
    kind: HOST_KIND,
    default: '0.0.0.0',
    example: '0.0.0.0',
    test: isHost,
    message: HOST_MESSAGE,
  }),
  WS_PORT: integer({
    section: 'server',
    text: 'Port to listen on; `0` takes a free one.',
    min: 0,
    max: PORT_MAX,
    default: 8080,
  }),
  WS_ENABLED: flag({
    section: 'server',
    text: '`false`: `serve` says so and exits 0.',
    default: true,
  }),
  WS_PATH: text({
    section: 'server',
    text: 'The one path on which WebSocket connections are accepted.',
    kind: 'path',
    default: null,
    defaultText: 'any',
    example: '/ws',
    test: (value) => /^\/[^\s?#]*$/.test(value),
    message: 'must start with / and hold no query',
  }),
  WS_TLS_CERT: text({
    section: 'server',
    text: 'PEM file of our own certificate, with its chain: clients then connect with `wss:`, without a proxy. TLS 1.2 or newer. Read again on SIGHUP.',
    kind: 'path',
    default: null,
    defaultText: 'none: no TLS',
    example: '/etc/letsencrypt/live/ws.example.com/fullchain.pem',
  }),
  WS_TLS_KEY: text({
    section: 'server',
    text: 'PEM file of its key.',
    kind: 'path',
    default: null,
    example: '/etc/letsencrypt/live/ws.example.com/privkey.pem',
  }),
  TRUSTED_PROXIES: list({
    section: 'server',
    text: 'Our proxies: `X-Forwarded-For` is believed from these addresses alone. `none`: from nobody. The PROXY protocol is not spoken.',
    kind: 'addresses and CIDR ranges, separated by commas',
    defaultText: '`127.0.0.0/8,::1`',
    example: '127.0.0.1,10.0.0.0/8',
    test: (entry) => entry === 'none' || isAddressRange(entry),
    message: 'must list addresses or CIDR ranges such as 10.0.0.0/8, or be none',
  }),
  ALLOWED_HOSTS: list({
    section: 'server',
    text: 'Names by which clients may call this server (`Host`), with a port or for any port; others get 403.',
    kind: 'host names, separated by commas',
    defaultText: 'any',
    example: 'ws.example.com',
    test: (entry) => /^[\w.-]+(:\d{1,5})?$|^\[[\da-fA-F:.]+\](:\d{1,5})?$/.test(entry),
    message: 'must list host names such as ws.example.com, without scheme or path',
  }),
  REQUIRE_ORIGIN: flag({
    section: 'server',
    text: '`1` refuses clients without an Origin header too: right where there are no apps.',
    default: false,
    digits: true,
  }),
  ALLOWED_ORIGINS: list({
    section: 'server',
    text: 'Origins of web pages that may connect; `https://*.example.com` allows one label in place of the star. Clients without an Origin header (apps) are let in, unless `REQUIRE_ORIGIN`.',
    kind: 'origins, separated by commas',
    defaultText: 'any',
    example: 'https://example.com,https://www.example.com',
    test: isOrigin,
    message: 'must list origins such as https://example.com: scheme and host, no path',
  }),
  HEARTBEAT_SECONDS: integer({
    section: 'server',
    text: 'Silence after which a client is pinged; after two such periods its connection is closed (4003).',
    unit: 's',
    min: 1,
    max: 300,
    default: 25,
  }),
  DRAIN_SECONDS: integer({
    section: 'server',
    text: 'Time to hand out what is owed and to close every connection on SIGTERM.',
    unit: 's',
    min: 0,
    max: 600,
    default: 5,
  }),
  BIDDER_NAMES: choice({
    section: 'messages',
    text: 'Names in messages: `full`, `masked` (`B***`), or `none` (null).',
    words: ['full', 'masked', 'none'],
    default: 'full',
  }),
  UPCOMING_ITEMS: choice({
    section: 'messages',
    text: 'Who may watch items that are not public yet (draft, pending): their `seller`, or `all`.',
    words: ['seller', 'all'],
    default: 'seller',
  }),
  LEGACY_TIMES: flag({
    section: 'messages',
    text: "`1` sends times as the old server did: the database's wall-clock text instead of ISO 8601 UTC.",
    default: false,
    digits: true,
  }),
  ...LIMIT_OPTIONS,
  HISTORY_MINUTES: integer({
    section: 'history',
    text: 'How long published events are kept for clients that come back (`since`).',
    unit: 'min',
    min: 1,
    max: 1440,
    default: 10,
  }),
  HISTORY_REFILL_CHANGES: integer({
    section: 'history',
    text: 'Row changes that a start holds to fill the history again from the binlog; with more in the window it begins later. About 500 bytes each, until the start is done.',
    unit: 'row changes',
    min: 1000,
    max: 10_000_000,
    default: 200_000,
  }),
  HISTORY_EVENTS: integer({
    section: 'history',
    text: 'Most events kept; the oldest go first.',
    unit: 'events',
    min: 1000,
    max: 10_000_000,
    default: 200_000,
  }),
  HISTORY_BYTES: integer({
    section: 'history',
    text: 'Most bytes of messages kept; the oldest go first.',
    unit: 'bytes',
    min: 1_048_576,
    max: 17_179_869_184,
    default: 67_108_864,
  }),
  ADMIN_HOST: text({
    section: 'admin',
    text: 'Address of `/metrics` and the admin page. Whoever reaches it can read both; keep it off the internet.',
    kind: HOST_KIND,
    default: '127.0.0.1',
    example: '127.0.0.1',
    test: isHost,
    message: HOST_MESSAGE,
  }),
  ADMIN_PORT: integer({
    section: 'admin',
    text: 'Its port; `0` or `off`: no metrics and no page.',
    min: 0,
    max: PORT_MAX,
    default: 8081,
    zeroWord: 'off',
  }),
  ADMIN_TOKEN: text({
    section: 'admin',
    text: 'At least 16 characters that the actions of the admin page ask for: disconnect a user, drain. Without it there are none.',
    kind: 'text',
    default: null,
    defaultText: 'none: the page only shows',
    example: '…',
    isSecret: true,
    test: (value) => value.length >= 16,
    message: 'must have at least 16 characters (openssl rand -base64 24)',
  }),
  LOG_LEVEL: choice({
    section: 'log',
    text: 'Least severe lines that are written.',
    words: ['debug', 'info', 'warn', 'error', 'fatal'],
    default: 'info',
  }),
  LOG_FORMAT: choice({
    section: 'log',
    text: '`json`: one object a line; `pretty`: for people; `auto`: pretty on a terminal.',
    words: ['auto', 'json', 'pretty'],
    default: 'auto',
  }),
} as const satisfies Record<string, Option<unknown>>;

export type OptionName = keyof typeof OPTIONS;

/** Every option parsed, under its name in the environment. */
export type Settings = {
  readonly [N in OptionName]: (typeof OPTIONS)[N] extends Option<infer T> ? T : never;
};

/** True for a name in the table. */
export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

function isHost(value: string): boolean {
  if (/^[\dA-Fa-f:.]*:[\dA-Fa-f:.]*:[\dA-Fa-f:.]*$/.test(value)) return true; // IPv6
  return value.length <= 253 && /^[A-Za-z\d_](?:[A-Za-z\d_.-]*[A-Za-z\d_.])?$/.test(value);
}

function isOrigin(value: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\/(?:(?:\*\.)?[a-z\d_-]+(?:\.[a-z\d_-]+)*|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(
    value,
  );
}
