/** Whatever the schema and the mapping file hold: a mapping that is sound, or problems that say what to do. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fits, looksPrivate } from '../../../cdc/mapping/column-kind.ts';
import { detectMapping } from '../../../cdc/mapping/detect-mapping.ts';
import type { SchemaColumn } from '../../../cdc/mapping/detect-mapping.ts';
import { parseMappingFile } from '../../../cdc/mapping/mapping-file.ts';
import type { MappingOverride } from '../../../cdc/mapping/mapping-file.ts';

/** Generous: a busy machine is no counterexample. */
const DEADLINE_MS = 60_000;

/** Names that objects inherit, beside the ones that schemas have. */
const ODD_NAMES = ['__proto__', 'constructor', 'toString', '', ' ', 'ID', 'é', '`', "it's"];
const TABLES = ['items', 'bids', 'users', 'watchlist', 'lots', 'offers', 'Items', ...ODD_NAMES];
const COLUMNS = [
  ...['id', 'item_id', 'bid_id', 'user_id', 'lot_id', 'bidder_id', 'seller_id', 'leader_id'],
  ...['status', 'state', 'current_price', 'price', 'end_time', 'ends_at', 'amount', 'created_at'],
  ...['name', 'reserve_price', 'reserve_met', 'max_bid', 'password', 'suspended_until'],
  ...ODD_NAMES,
];
const TYPES = [
  ...['int', 'bigint unsigned', 'varchar(40)', 'decimal(10,2)', 'datetime(6)', 'timestamp'],
  ...['tinyint(1)', 'text', 'json', 'double', 'INT', '', 'enum', 'enum()', "enum('"],
  ...["enum('active','sold')", "enum('open','constructor')", "enum('a,b','it''s','ACTIVE')"],
];
const WORDS = ['upcoming', 'active', 'sold', 'unsold', 'cancelled'];

const tables = fc.dictionary(
  fc.constantFrom(...TABLES),
  fc.record({
    isView: fc.boolean(),
    columns: fc.uniqueArray(
      fc.record({
        name: fc.constantFrom(...COLUMNS),
        columnType: fc.constantFrom(...TYPES),
        isPrimaryKey: fc.boolean(),
      }),
      { selector: ({ name }) => name.toLowerCase(), maxLength: 14 },
    ),
  }),
  { maxKeys: 7 },
);

const randomSchemas = tables.map((named) =>
  Object.entries(named).flatMap(([table, { columns, isView }]) =>
    columns.map((column, ordinal): SchemaColumn => ({
      ...column,
      table,
      isView,
      dataType: /^\w*/.exec(column.columnType)?.[0] ?? '',
      ordinal,
      isNullable: true,
    })),
  ),
);

/** A schema that can be mapped, and what may befall a column of it. */
const SOUND = {
  items: [
    "id int status enum('active','sold') current_price decimal(10,2) end_time datetime",
    'seller_id int reserve_price decimal(10,2) reserve_met tinyint(1)',
  ].join(' '),
  bids: 'id int item_id int bidder_id int amount decimal(10,2) created_at timestamp',
  users: "id int name varchar(40) status enum('active','banned') suspended_until datetime",
};

const soundColumns = Object.entries(SOUND).flatMap(([table, text]) =>
  Array.from(text.matchAll(/(\S+) (\S+)/g), ([, name = '', columnType = ''], ordinal) => ({
    ...{ table, name, columnType, ordinal, isNullable: true, isPrimaryKey: ordinal === 0 },
    dataType: /^\w*/.exec(columnType)?.[0] ?? '',
  })),
);

const change = fc.record({
  at: fc.nat({ max: soundColumns.length - 1 }),
  name: fc.option(fc.constantFrom(...COLUMNS)),
  columnType: fc.option(fc.constantFrom(...TYPES)),
});

const nearlySoundSchemas = fc.array(change, { maxLength: 2 }).map((changes) =>
  soundColumns.map((column, at): SchemaColumn => {
    const { name, columnType } = changes.find((each) => each.at === at) ?? {};
    const type = columnType ?? column.columnType;
    const dataType = /^\w*/.exec(type)?.[0] ?? '';
    return { ...column, name: name ?? column.name, columnType: type, dataType };
  }),
);

const schemas = fc.oneof(randomSchemas, nearlySoundSchemas);

const column = fc.option(fc.constantFrom(...COLUMNS));
const columns = (...roles: string[]): fc.Arbitrary<unknown> =>
  fc.record(Object.fromEntries(roles.map((role) => [role, column])), { requiredKeys: [] });
const table = fc.constantFrom(...TABLES);

/** Mapping files that are right, nearly right, or anything at all. */
const texts = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record(
        {
          items: fc.record(
            {
              table,
              columns: columns('itemId', 'status', 'currentPrice', 'endTime', 'sellerId'),
              statusWords: fc.dictionary(
                fc.constantFrom('open', 'it\u0027s', ...ODD_NAMES),
                fc.constantFrom(...WORDS),
              ),
            },
            { requiredKeys: [] },
          ),
          bids: fc.record(
            { table, columns: columns('bidId', 'itemId', 'bidderId', 'amount', 'placedAt') },
            { requiredKeys: [] },
          ),
          users: fc.option(
            fc.record(
              { table, columns: columns('userId', 'name', 'status') },
              { requiredKeys: [] },
            ),
          ),
          watchlist: fc.option(
            fc.record({ table, columns: columns('userId', 'itemId') }, { requiredKeys: [] }),
          ),
        },
        { requiredKeys: [] },
      )
      .map((file) => JSON.stringify(file)),
  },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string() },
  {
    weight: 1,
    arbitrary: fc.constant('{"__proto__": {"table": "x"}, "items": {"constructor": 1}}'),
  },
);

function overrideOf(text: string): MappingOverride | null {
  const parsed = parseMappingFile(text);
  if (parsed.ok) return parsed.override;
  expect(parsed.problems.length).toBeGreaterThan(0);
  for (const { what, fix } of parsed.problems) {
    expect(what).not.toBe('');
    expect(fix).not.toBe('');
  }
  return null;
}

const KINDS: Readonly<Record<string, Parameters<typeof fits>[0]>> = {
  ...{ itemId: 'id', bidId: 'id', bidderId: 'id', userId: 'id', sellerId: 'id' },
  ...{ highestBidderId: 'id', status: 'words', currentPrice: 'money', amount: 'money' },
  ...{ reservePrice: 'money', reserveMet: 'flag', endTime: 'time', placedAt: 'time' },
  ...{ suspendedUntil: 'time', name: 'text' },
};

test(
  'a schema and a mapping file give a sound mapping, or every problem with its fix',
  () => {
    let [mapped, refused] = [0, 0];
    fc.assert(
      fc.property(schemas, texts, (all, text) => {
        const found = detectMapping({ database: 'shop', columns: all, override: overrideOf(text) });
        if (!found.ok) {
          refused += 1;
          expect(found.problems.length).toBeGreaterThan(0);
          for (const { what, fix } of found.problems) {
            expect(what).not.toMatch(/undefined|\[object|function/);
            expect(fix).not.toBe('');
          }
          return;
        }
        mapped += 1;
        const { items, bids, users, watchlist, statusWords } = found.mapping;
        for (const part of [items, bids, users, watchlist]) {
          if (part === null) continue;
          for (const [role, at] of Object.entries(part.columns)) {
            expect(part.definition[at.ordinal]).toBe(at);
            expect(fits(KINDS[role] ?? 'flag', at), `${role} of ${at.columnType}`).toBe(true);
            expect(role !== 'reservePrice' && looksPrivate(at.name, role)).toBe(false);
          }
        }
        for (const status of statusWords.values()) expect(WORDS).toContain(status);
      }),
      { numRuns: 1000 },
    );
    // Both outcomes were seen, many times.
    expect(mapped).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  },
  DEADLINE_MS,
);

test(
  'what is found does not hang on the order in which tables and columns are listed',
  () => {
    fc.assert(
      fc.property(schemas, texts, fc.array(fc.nat(), { minLength: 1 }), (all, file, keys) => {
        const override = overrideOf(file);
        const shuffled = all
          .map((each, at) => ({ each, key: keys[at % keys.length] ?? 0 }))
          .toSorted((a, b) => a.key - b.key)
          .map(({ each }) => each);
        const [one, other] = [all, shuffled].map((each) =>
          detectMapping({ database: 'shop', columns: each, override }),
        );
        expect(other?.ok).toBe(one?.ok);
        if (one?.ok === true && other?.ok === true) expect(other.mapping).toEqual(one.mapping);
      }),
      { numRuns: 500 },
    );
  },
  DEADLINE_MS,
);
