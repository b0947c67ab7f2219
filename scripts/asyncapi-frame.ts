/**
 * What surrounds the messages in docs/asyncapi.json: servers, how a token is carried, what a close means. Written by
 * hand here; everything else in the document comes from code.
 */

/** What each close code means, and whether this version of the server ever sends it. */
export const CLOSE_MEANINGS: Readonly<
  Record<number, { readonly meaning: string; readonly isPlanned?: true }>
> = {
  1001: { meaning: 'The server is going away.', isPlanned: true },
  1002: { meaning: 'A frame broke the WebSocket protocol.' },
  1003: { meaning: 'A binary frame: messages are text.' },
  1007: { meaning: 'A text frame that is no UTF-8.' },
  1008: { meaning: 'A message of more fragments than any client needs.' },
  1009: { meaning: 'A message larger than `limits.messageBytes`.' },
  1012: { meaning: 'The server restarts, or could not ask the database just now.' },
  4001: { meaning: 'The token has expired.' },
  4002: { meaning: 'Too much was waiting for this client.' },
  4003: { meaning: 'Nothing was heard from this client for two heartbeats.' },
  4004: { meaning: 'The source of events changed; continuity cannot be proven.' },
  4005: { meaning: 'Far too many messages.' },
  4500: { meaning: 'No token, a bad one, or one of another user.' },
  4501: { meaning: 'Repeated abuse.', isPlanned: true },
  4502: { meaning: 'The user is suspended or banned.' },
  4503: { meaning: 'This user opened too many newer connections.' },
  4504: { meaning: 'No token came in time.' },
};

export interface FrameParts {
  readonly version: string;
  readonly operations: Readonly<Record<string, object>>;
  readonly messages: Readonly<Record<string, object>>;
  /** Names of the messages on a WebSocket, both ways, and on a stream of server-sent events. */
  readonly liveNames: readonly string[];
  readonly eventsNames: readonly string[];
  readonly schemas: Readonly<Record<string, object>>;
  readonly closeCodes: readonly object[];
  readonly errorCodes: readonly object[];
}

/** The document around its parts. */
export function frame(parts: FrameParts): object {
  const { version, operations, messages, schemas, closeCodes, errorCodes } = parts;
  const { liveNames, eventsNames } = parts;
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Gavelcast',
      version,
      description:
        'Auction events over WebSockets, one JSON object a text frame, or as server-sent events. Written by `npm run docs:asyncapi`; the rules in words are in docs/protocol.md. ' +
        'Tag `v1`: every client. Tag `v2`: clients that asked for it, event streams among them. Close codes with `isPlanned` are defined, and not sent by this version. ' +
        'Clients ignore fields and types they do not know.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: servers(),
    channels: {
      live: {
        address: '/',
        title: 'A connection',
        description: 'Any path will do, unless the server was told one (WS_PATH).',
        servers: serverRefs('plain', 'proxied'),
        messages: messageRefs(liveNames),
        bindings: { ws: { method: 'GET', query: query(), bindingVersion: '0.1.0' } },
      },
      events: {
        address: '/events',
        title: 'A stream of server-sent events',
        description:
          'For networks that block WebSockets: what a v2 client hears, one JSON object an event, and `id` where it is a ' +
          'position. The header `Last-Event-ID` counts before `since`. Only `close` has a name of its own, `error`.',
        servers: serverRefs('plainEvents', 'proxiedEvents'),
        messages: messageRefs(eventsNames),
      },
    },
    operations,
    components: { messages, schemas, securitySchemes: SECURITY_SCHEMES },
    'x-close-codes': closeCodes,
    'x-error-codes': errorCodes,
  };
}

const SECURITY_SCHEMES = {
  queryToken: {
    type: 'httpApiKey',
    in: 'query',
    name: 'token',
    description: 'The JWT of the PHP API, as the old clients carry it.',
  },
  bearerHeader: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
  bearerSubprotocol: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description: '`gavelcast.v2, bearer.<JWT>`: for browsers, which can set no header.',
  },
  firstMessage: {
    type: 'apiKey',
    in: 'password',
    description: 'v2 only: the first message is `authenticate`, within ten seconds.',
  },
} as const;

function messageRefs(names: readonly string[]): object {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/messages/${name}` }] as const),
  );
}

function serverRefs(...names: readonly string[]): readonly object[] {
  return names.map((name) => ({ $ref: `#/servers/${name}` }));
}

function securityRefs(...names: readonly (keyof typeof SECURITY_SCHEMES)[]): readonly object[] {
  return names.map((name) => ({ $ref: `#/components/securitySchemes/${name}` }));
}

function servers(): object {
  const security = securityRefs('queryToken', 'bearerHeader', 'bearerSubprotocol', 'firstMessage');
  const eventsSecurity = securityRefs('queryToken', 'bearerHeader');
  const variables = {
    host: { default: 'localhost', description: 'Where Gavelcast runs.' },
    port: { default: '8080', description: '`WS_PORT`.' },
  };
  return {
    plain: { host: '{host}:{port}', protocol: 'ws', variables, security },
    proxied: {
      host: '{host}',
      protocol: 'wss',
      description: 'Behind a proxy that ends TLS.',
      variables: { host: { default: 'live.example.com' } },
      security,
    },
    plainEvents: { host: '{host}:{port}', protocol: 'http', variables, security: eventsSecurity },
    proxiedEvents: {
      host: '{host}',
      protocol: 'https',
      description: 'Behind a proxy that ends TLS.',
      variables: { host: { default: 'live.example.com' } },
      security: eventsSecurity,
    },
  };
}

const SINCE = {
  type: 'string',
  description: "The last `eventId` this client saw: asks for the user's own missed events.",
} as const;

const WATCHLIST = {
  type: 'string',
  enum: ['1'],
  description: "Watch what the user's watchlist says, and follow it (v2).",
} as const;

function query(): object {
  return {
    type: 'object',
    properties: {
      token: { type: 'string', description: 'The JWT.' },
      v: { type: 'string', enum: ['2'], description: 'Asks for v2 where no subprotocol can.' },
      since: SINCE,
      watchlist: WATCHLIST,
    },
  };
}

/** What the address of a stream may ask for. */
export function eventsQuery(): object {
  return {
    type: 'object',
    properties: {
      token: { type: 'string', description: 'The JWT, where no header can carry it.' },
      items: { type: 'string', description: 'Items to watch, separated by commas.' },
      since: { ...SINCE, description: 'As `Last-Event-ID`, where no header can be set.' },
      watchlist: WATCHLIST,
    },
  };
}
