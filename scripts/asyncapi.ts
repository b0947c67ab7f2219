/**
 * `npm run docs:asyncapi`: writes docs/asyncapi.json from the schemas that the server validates with, the tables of
 * close and error codes, and the golden files. With `--check` it only compares, and exits 1 when the file is stale.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';

import { requestedItemIdSchema } from '../src/protocol/client-message-schema.ts';
import { CLOSE_CODES } from '../src/protocol/close-code.ts';
import { ERROR_TEXTS } from '../src/protocol/error-message.ts';
import {
  CLIENT_MESSAGES,
  PROTOCOL_VERSION,
  SERVER_MESSAGES,
  type ClientMessageDefinition,
  type ServerMessageDefinition,
} from '../src/protocol/message-schema.ts';
import { auctionStateSchema, SHARED_SCHEMAS } from '../src/protocol/server-message-schema.ts';
import { CLOSE_MEANINGS, eventsQuery, frame } from './asyncapi-frame.ts';

const FILE = new URL('../docs/asyncapi.json', import.meta.url);
const GOLDEN = new URL('../test/protocol/golden/', import.meta.url);

const CLIENT: readonly (readonly [string, ClientMessageDefinition])[] =
  Object.entries(CLIENT_MESSAGES);
const SERVER: readonly (readonly [string, ServerMessageDefinition])[] =
  Object.entries(SERVER_MESSAGES);

/** The whole document as JSON text; not formatted by prettier, which would take digits from the amounts. */
export function asyncApiText(): string {
  const goldens = goldenTexts();
  const operations = { ...clientOperations(), ...serverOperations() };
  const messages: Record<string, object> = {};
  for (const [name, definition] of CLIENT) messages[name] = clientMessage(name, definition);
  for (const [name, definition] of SERVER)
    messages[name] = serverMessage(name, definition, goldens);
  const document = frame({
    version: PROTOCOL_VERSION,
    operations,
    messages,
    liveNames: [...CLIENT.map(([name]) => name), ...saidOn('websocket')],
    eventsNames: saidOn('events'),
    schemas: jsonSchemas(),
    closeCodes: Object.entries(CLOSE_CODES).map(([code, entry]) => ({
      code: Number(code),
      ...entry,
      ...CLOSE_MEANINGS[Number(code)],
    })),
    errorCodes: Object.entries(ERROR_TEXTS).map(([code, message]) => ({ code, message })),
  });
  return `${withGoldenTexts(JSON.stringify(document, null, 2), goldens)}\n`;
}

/** Hash of all that a client can notice: not of words, nor of what is planned or sent. */
export function schemaHash(): string {
  const bare = JSON.stringify([jsonSchemas(), CLOSE_CODES, ERROR_TEXTS], (key, value: unknown) =>
    key === 'description' && typeof value === 'string' ? undefined : value,
  );
  return createHash('sha256').update(bare).digest('hex');
}

/** Golden file name (without suffix) → its JSON text. */
export function goldenTexts(): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(GOLDEN)
      .toSorted()
      .map((file) => [
        file.replace(/\.json$/, ''),
        readFileSync(new URL(file, GOLDEN), 'utf8').trim(),
      ]),
  );
}

/** Which message a golden file is one of: `subscribed.notifications` its own, `error.rate_limited` an `error`. */
export function messageOfGolden(file: string): string {
  const whole = file.replaceAll('.', '_');
  return Object.hasOwn(SERVER_MESSAGES, whole) ? whole : file.replace(/\..*/, '');
}

/** The schemas of all messages and of what they share, by name, as JSON Schema draft 7. */
function jsonSchemas(): Record<string, object> {
  const registry = z.registry<{ readonly id: string }>();
  for (const [id, schema] of Object.entries(SHARED_SCHEMAS)) registry.add(schema, { id });
  registry.add(requestedItemIdSchema, { id: 'RequestedItemId' });
  registry.add(auctionStateSchema, { id: 'AuctionState' });
  for (const [id, { schema }] of [...CLIENT, ...SERVER]) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => {
      // What a nonsensical option becomes is the server's business; it is no default that a client could count on.
      delete jsonSchema.default;
    },
  });
  for (const schema of Object.values(schemas)) {
    // Their place in the document names them.
    delete schema.$id;
    delete schema.$schema;
  }
  return schemas;
}

function clientMessage(name: string, definition: ClientMessageDefinition): object {
  return {
    ...messageHead(name, definition),
    examples: definition.examples.map((payload, at) => ({ name: `${name}_${at + 1}`, payload })),
  };
}

function serverMessage(
  name: string,
  definition: ServerMessageDefinition,
  goldens: ReadonlyMap<string, string>,
): object {
  const files = [...goldens.keys()].filter((file) => messageOfGolden(file) === name);
  const examples = files.map((file) => ({ name: file, payload: placeholder(file) }));
  return { ...messageHead(name, definition), 'x-to': definition.to, examples };
}

function messageHead(
  name: string,
  { schema, since }: ClientMessageDefinition | ServerMessageDefinition,
): object {
  return {
    name,
    summary: schema.description ?? '',
    contentType: 'application/json',
    tags: [{ name: since }],
    payload: { $ref: `#/components/schemas/${name}` },
  };
}

function clientOperations(): Record<string, object> {
  return Object.fromEntries(
    CLIENT.map(([name, { schema, answers }]) => [
      `say_${name}`,
      {
        action: 'receive',
        summary: schema.description ?? '',
        channel: { $ref: '#/channels/live' },
        messages: [messageRef(name)],
        reply: {
          channel: { $ref: '#/channels/live' },
          messages: [...answers, 'error'].map(messageRef),
        },
      },
    ]),
  );
}

function serverOperations(): Record<string, object> {
  const answers = new Set<string>([...CLIENT.flatMap(([, definition]) => definition.answers)]);
  const names = saidOn('websocket').filter((name) => !answers.has(name) || name === 'hello');
  return {
    hear: {
      action: 'send',
      summary: 'What the server says on its own.',
      channel: { $ref: '#/channels/live' },
      messages: names.map(messageRef),
    },
    hear_events: {
      action: 'send',
      summary: 'What the server says on a stream of server-sent events.',
      channel: { $ref: '#/channels/events' },
      messages: saidOn('events').map((name) => ({ $ref: `#/channels/events/messages/${name}` })),
      bindings: { http: { method: 'GET', query: eventsQuery(), bindingVersion: '0.3.0' } },
    },
  };
}

/** Names of what the server says on one transport. */
function saidOn(transport: 'websocket' | 'events'): readonly string[] {
  return SERVER.filter(([, { only = transport }]) => only === transport).map(([name]) => name);
}

function messageRef(name: string): { readonly $ref: string } {
  return { $ref: `#/channels/live/messages/${name}` };
}

/** Golden texts go in as they are: passing an amount through a number would lose its digits. */
function placeholder(file: string): string {
  return `golden:${file}`;
}

function withGoldenTexts(json: string, goldens: ReadonlyMap<string, string>): string {
  return [...goldens].reduce(
    (text, [file, golden]) => text.replace(JSON.stringify(placeholder(file)), () => golden),
    json,
  );
}

function main(): void {
  const text = asyncApiText();
  if (!process.argv.includes('--check')) {
    writeFileSync(FILE, text);
    process.stdout.write(`schemas ${schemaHash()}\n`);
    return;
  }
  if (readFileSync(FILE, 'utf8') === text) return;
  process.stderr.write('docs/asyncapi.json is stale: run "npm run docs:asyncapi"\n');
  process.exitCode = 1;
}

if (import.meta.main) main();
