/**
 * The published contract: docs/asyncapi.json is what the code says, AsyncAPI's own parser finds no fault in it, every
 * example in it is true, and docs/protocol.md tells people the same.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Parser } from '@asyncapi/parser';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { asyncApiText, goldenTexts } from '../../scripts/asyncapi.ts';
import { CLOSE_MEANINGS } from '../../scripts/asyncapi-frame.ts';
import { parseClientMessage } from '../../src/protocol/client-message.ts';
import { CLOSE_CODES } from '../../src/protocol/close-code.ts';
import { ERROR_TEXTS } from '../../src/protocol/error-message.ts';
import {
  CLIENT_MESSAGES,
  PROTOCOL_VERSION,
  SERVER_MESSAGES,
  type ServerMessageDefinition,
} from '../../src/protocol/message-schema.ts';

const ROOT = new URL('../../', import.meta.url);
const readText = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8');

const PUBLISHED = readText('docs/asyncapi.json');
const SERVER: Readonly<Record<string, ServerMessageDefinition>> = SERVER_MESSAGES;

const document = z
  .object({
    info: z.object({ version: z.string() }),
    components: z.object({
      schemas: z.record(z.string(), z.unknown()),
      messages: z.record(
        z.string(),
        z.object({
          examples: z.array(z.object({ name: z.string(), payload: z.unknown() })).min(1),
        }),
      ),
    }),
    'x-close-codes': z.array(z.object({ code: z.int(), reason: z.string(), client: z.string() })),
    'x-error-codes': z.array(z.object({ code: z.string(), message: z.string() })),
  })
  .parse(JSON.parse(PUBLISHED));

const EXAMPLES = Object.entries(document.components.messages).flatMap(([name, { examples }]) =>
  examples.map((example) => [example.name, { name, payload: example.payload }] as const),
);

/** What AsyncAPI's own parser objects to, advice to use a newer version of AsyncAPI aside. */
async function faultsOf(text: string): Promise<readonly string[]> {
  const { diagnostics } = await new Parser().parse(text);
  return diagnostics
    .filter(({ code }) => code !== 'asyncapi-latest-version')
    .map(({ code, message, path }) => `${path.join('.')}: ${message} (${code})`);
}

describe('docs/asyncapi.json', () => {
  test('is what the code says (npm run docs:asyncapi)', () => {
    expect(PUBLISHED === asyncApiText(), 'docs/asyncapi.json is stale').toBe(true);
    expect(document.info.version).toBe(PROTOCOL_VERSION);
  });

  test("AsyncAPI's own parser finds no fault, and finds one that is planted", async () => {
    expect(await faultsOf(PUBLISHED)).toEqual([]);
    const planted = PUBLISHED.replace(
      '#/channels/live/messages/pong',
      '#/channels/live/messages/x',
    );
    expect(planted).not.toBe(PUBLISHED);
    expect(await faultsOf(planted)).not.toEqual([]);
  }, 60_000);

  test('has every message', () => {
    const names = [...Object.keys(CLIENT_MESSAGES), ...Object.keys(SERVER_MESSAGES)];
    expect(Object.keys(document.components.messages)).toEqual(names);
  });

  test.each(EXAMPLES)('example %s is true', (_, { name, payload }) => {
    const definition = SERVER[name];
    if (definition === undefined) {
      expect(parseClientMessage(JSON.stringify(payload))).toMatchObject({ ok: true });
    } else {
      expect(definition.schema.parse(payload)).toEqual(payload);
    }
    // By another implementation of JSON Schema, from the published text alone.
    const ajv = new Ajv({ allErrors: true, strict: false, allowUnionTypes: true });
    const validate = ajv.compile({
      $ref: `#/components/schemas/${name}`,
      components: document.components,
    });
    expect(validate(payload), JSON.stringify(validate.errors)).toBe(true);
    expect(validate([])).toBe(false);
  });

  test('has every golden file, with its digits', () => {
    for (const [file, text] of goldenTexts()) {
      expect(EXAMPLES.map(([name]) => name)).toContain(file);
      expect(PUBLISHED.includes(`"payload": ${text}\n`), file).toBe(true);
    }
  });

  test('has the tables of close codes and errors', () => {
    expect(document['x-close-codes']).toEqual(
      Object.entries(CLOSE_CODES).map(([code, entry]) => ({ code: Number(code), ...entry })),
    );
    expect(document['x-error-codes']).toEqual(
      Object.entries(ERROR_TEXTS).map(([code, message]) => ({ code, message })),
    );
  });

  test('a close code is planned as long as no code of ours sends it', () => {
    const code = globSync('server/**/*.ts', { cwd: fileURLToPath(ROOT) })
      .map(readText)
      .join('\n');
    const closedByWs = ['1002', '1007', '1008', '1009'];
    expect(Object.keys(CLOSE_MEANINGS)).toEqual(Object.keys(CLOSE_CODES));
    for (const [closeCode, { isPlanned = false }] of Object.entries(CLOSE_MEANINGS)) {
      const sent = new RegExp(`\\bclose(All)?\\(${closeCode}\\)`);
      const isSent = closedByWs.includes(closeCode) || sent.test(code);
      expect(isSent, closeCode).toBe(!isPlanned);
    }
  });
});

describe('docs/protocol.md', () => {
  const text = readText('docs/protocol.md');
  const rows = (heading: string): readonly (readonly string[])[] => {
    const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    const lines = section.split('\n').filter((line) => line.startsWith('| '));
    return lines.slice(1).map((line) => line.split('|').map((cell) => cell.trim()));
  };

  test('rule ids are unique and in order', () => {
    const ids = [...text.matchAll(/^- \*\*\[P(\d+)\]\*\* /gm)].map(([, id]) => Number(id));
    expect(ids.length).toBeGreaterThan(20);
    expect(ids).toEqual(ids.map((_, at) => at + 1));
  });

  test('rules that tests name are there', () => {
    const named = globSync('test/**/*.test.ts', { cwd: fileURLToPath(ROOT) }).flatMap((file) =>
      [...readText(file).matchAll(/'[^'\n]*?\[(P\d+)\] /g)].map(([, id = '']) => id),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const id of named) expect(text, id).toContain(`- **[${id}]** `);
  });

  test('has every close code, with its reason and what a client does', () => {
    const told = rows('Close codes').map(([, code, reason, client]) => [code, reason, client]);
    const words = Object.entries(CLOSE_CODES).map(([code, { reason, client }]) => [
      CLOSE_MEANINGS[Number(code)]?.isPlanned === true ? `${code} ◦` : code,
      reason,
      `\`${client}\``,
    ]);
    expect(told).toEqual(words);
  });

  test('has every error with its text', () => {
    const told = rows('Errors').map(([, code, message]) => [code, message]);
    expect(told).toEqual(
      Object.entries(ERROR_TEXTS).map(([code, message]) => [`\`${code}\``, `\`${message}\``]),
    );
  });

  test('has every type, with the version that has it', () => {
    for (const [name, { since }] of Object.entries(SERVER)) {
      if (name.endsWith('_notifications')) continue;
      expect(text, name).toMatch(new RegExp(`^### \`${name}\` · ${since}(?:,|$)`, 'm'));
    }
  });

  const samples = [...text.matchAll(/^\{.*\}$/gm)].map(([line]) => line);
  const goldens = new Set(goldenTexts().values());

  test.each(samples)('%s is true', (line) => {
    if (/^\{"action":|^\{"type":"ping"\}/.test(line)) {
      expect(parseClientMessage(line)).toMatchObject({ ok: true });
      return;
    }
    expect(goldens.has(line), 'no golden file').toBe(true);
  });

  test('shows a golden file of every type', () => {
    for (const name of Object.keys(SERVER)) {
      const type = name.replace('_notifications', '');
      expect(
        samples.some((line) => line.startsWith(`{"type":"${type}"`)),
        type,
      ).toBe(true);
    }
  });
});
