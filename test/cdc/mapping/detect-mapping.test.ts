/** Which columns are meant, in every shape of the field and in those that must be refused by name. */
import { describe, expect, test } from 'vitest';
import { detectMapping } from '../../../cdc/mapping/detect-mapping.ts';
import type { MappingResult, SchemaColumn } from '../../../cdc/mapping/detect-mapping.ts';
import { parseMappingFile } from '../../../cdc/mapping/mapping-file.ts';
import type { MappingOverride } from '../../../cdc/mapping/mapping-file.ts';

/** Tables in short notation: `id* int, name varchar(255)`; `*` marks primary key columns. */
type Schema = Readonly<Record<string, string>>;

const A: Schema = {
  users:
    'id* int, email varchar(255), password_hash varchar(255), name varchar(255), role enum(…), ' +
    `status enum('active','suspended','banned'), suspended_until timestamp`,
  items:
    'id* int, title varchar(255), description text, starting_price decimal(10,2), current_price decimal(10,2), ' +
    'end_time datetime, seller_id int, highest_bidder_id int, ' +
    `status enum('active','completed','expired'), reserve_price decimal(10,2), commission_rate decimal(5,4), ` +
    'reserve_met tinyint(1), created_at timestamp, updated_at timestamp',
  bids: 'id* int, item_id int, bidder_id int, amount decimal(10,2), timestamp timestamp, created_at timestamp, updated_at timestamp',
  watchlist: 'user_id* int, item_id* int',
};
const B_STATUS = `enum('draft','pending','active','ended','sold','cancelled')`;
const B: Schema = {
  users: `id* int unsigned, email varchar(255), password varchar(255), name varchar(255), status enum('active','suspended','banned')`,
  items:
    `id* int unsigned, seller_id int unsigned, current_price decimal(12,2), highest_bidder_id int unsigned, status ${B_STATUS}, ` +
    'start_time timestamp, end_time timestamp, bid_count int, reserve_price decimal(12,2), reserve_met tinyint(1)',
  bids:
    'id* int unsigned, item_id int unsigned, bidder_id int unsigned, amount decimal(12,2), max_bid decimal(12,2), ' +
    'is_winning tinyint(1), is_automatic tinyint(1), created_at timestamp',
};
const B_BARE: Schema = {
  ...B,
  items: `id* int unsigned, seller_id int unsigned, current_price decimal(12,2), status ${B_STATUS}, end_time timestamp`,
};
const C: Schema = {
  users: (A['users'] ?? '').replace('id*', 'user_id*'),
  items: (A['items'] ?? '').replace('id*', 'item_id*'),
  bids: (A['bids'] ?? '').replace('id*', 'bid_id*'),
  watchlist: A['watchlist'] ?? '',
};

function columnsOf(schema: Schema): SchemaColumn[] {
  return Object.entries(schema).flatMap(([table, text]) =>
    text.split(/, (?=\w+\*? \w)/).map((column, ordinal): SchemaColumn => {
      const [name = '', ...type] = column.split(' ');
      const columnType = type.join(' ');
      return {
        table,
        name: name.replace('*', ''),
        dataType: /^\w+/.exec(columnType)?.[0] ?? '',
        columnType,
        ordinal,
        isNullable: true,
        isPrimaryKey: name.endsWith('*'),
      };
    }),
  );
}

function detect(schema: Schema, override: MappingOverride | null = null): MappingResult {
  return detectMapping({ database: 'portal', columns: columnsOf(schema), override });
}

/** `role=column` for each mapped column. */
function mapped(result: MappingResult): Record<string, string> {
  if (!result.ok) throw new Error(result.problems.map((problem) => problem.what).join('\n'));
  const { items, bids, users, watchlist } = result.mapping;
  const tables = { items, bids, users, watchlist };
  return Object.fromEntries(
    Object.entries(tables).map(([area, table]) => [
      area,
      table === null
        ? 'none'
        : Object.entries(table.columns)
            .map(([role, column]) => (role === column.name ? role : `${role}=${column.name}`))
            .join(' '),
    ]),
  );
}

function problemsOf(result: MappingResult): string[] {
  return result.ok ? [] : result.problems.map(({ what, fix }) => `${what} → ${fix}`);
}

describe('shapes of the field', () => {
  test('shape A', () => {
    expect(mapped(detect(A))).toEqual({
      items:
        'itemId=id status currentPrice=current_price endTime=end_time sellerId=seller_id ' +
        'highestBidderId=highest_bidder_id reservePrice=reserve_price reserveMet=reserve_met',
      bids: 'bidId=id itemId=item_id bidderId=bidder_id amount placedAt=timestamp',
      users: 'userId=id name status suspendedUntil=suspended_until',
      watchlist: 'userId=user_id itemId=item_id',
    });
  });

  test('shape B, with and without the optional columns', () => {
    expect(mapped(detect(B))['bids']).toBe(
      'bidId=id itemId=item_id bidderId=bidder_id amount placedAt=created_at',
    );
    expect(mapped(detect(B_BARE))).toMatchObject({
      items: 'itemId=id status currentPrice=current_price endTime=end_time sellerId=seller_id',
      watchlist: 'none',
    });
  });

  test('shape C', () => {
    const { items, bids, users } = mapped(detect(C));
    expect(items).toMatch(/^itemId=item_id /);
    expect(bids).toMatch(/^bidId=bid_id itemId=item_id /);
    expect(users).toMatch(/^userId=user_id /);
  });

  test('status words of shape B', () => {
    const result = detect(B);
    const words = result.ok ? result.mapping.statusWords : new Map();
    const said = ['draft', 'pending', 'active', 'ended', 'sold', 'cancelled'].map(
      (word) => words.get(word) as string,
    );
    expect(said).toEqual(['upcoming', 'upcoming', 'active', 'unsold', 'sold', 'cancelled']);
  });
});

describe('what is refused', () => {
  const without = (schema: Schema, table: string, column: string): Schema => ({
    ...schema,
    [table]: (schema[table] ?? '').replace(
      new RegExp(`(^|, )${column}\\*? [^,]*(\\([^)]*\\))?`),
      '',
    ),
  });
  const replaced = (table: string, from: string, to: string): Schema => ({
    ...A,
    [table]: (A[table] ?? '').replace(from, to),
  });

  const cases: readonly (readonly [name: string, schema: Schema, parts: readonly string[]])[] = [
    [
      'a missing table',
      { users: A['users'] ?? '', items: A['items'] ?? '' },
      ['"bids"', 'users, items', '{"bids": {"table"'],
    ],
    [
      'a missing column',
      without(A, 'items', 'end_time'),
      ['items', 'endTime', 'created_at', '{"items": {"columns": {"endTime": "…"}}}'],
    ],
    [
      'money in floats',
      replaced('bids', 'amount decimal(10,2)', 'amount float'),
      ['bids.amount', 'float', 'DECIMAL'],
    ],
    [
      'doubles too',
      replaced('items', 'current_price decimal(10,2)', 'current_price double'),
      ['items.current_price', 'double'],
    ],
    [
      'an end without a time',
      replaced('items', 'end_time datetime', 'end_time date'),
      ['items.end_time', 'date', 'DATETIME or TIMESTAMP'],
    ],
    ['a binary key', replaced('bids', 'id* int', 'id* binary(16)'), ['bids.id', 'binary(16)']],
    [
      'a composite key',
      replaced('items', 'id* int', 'id* int, part* int'),
      ['items', 'itemId', '(id, part)'],
    ],
    [
      'a key of another name',
      replaced('items', 'id* int', 'sku* int'),
      ['items', 'itemId', '(sku)'],
    ],
    [
      'two candidates',
      replaced('items', 'end_time datetime', 'ends_at datetime, closes_at datetime'),
      ['items', 'ends_at, closes_at', '"endTime": "ends_at"'],
    ],
    [
      'a status word of unknown meaning',
      replaced('items', `'expired'`, `'expired','on hold, paused'`),
      ['items.status', `'on hold, paused'`, '{"items": {"statusWords": {"on hold, paused": "…"}}}'],
    ],
    [
      'no word for active',
      replaced('items', `'active','completed'`, `'completed'`),
      ['active', 'completed, expired'],
    ],
  ];
  test.each(cases)('%s', (_name, schema, parts) => {
    const [problem, ...more] = problemsOf(detect(schema));
    expect(more).toEqual([]);
    for (const part of parts) expect(problem).toContain(part);
  });

  test('all problems at once', () => {
    const schema = {
      ...replaced('items', 'end_time datetime', 'end_time date'),
      bids: 'id* int, item_id int',
    };
    expect(problemsOf(detect(schema))).toHaveLength(3);
  });

  test.each(['email', 'password_hash', 'name_hash', 'max_bid', 'reset_token', 'phone'])(
    'the private column %s as a public name',
    (column) => {
      const schema = { ...A, users: `id* int, name varchar(255), ${column} varchar(255)` };
      const problems = problemsOf(detect(schema, { users: { columns: { name: column } } }));
      expect(problems).toEqual([expect.stringContaining(`users.${column} looks private`)]);
    },
  );

  test('a status word is judged even where another column of its table is missing', () => {
    const items = `id* int, status enum('active','frozen'), current_price double`;
    const problems = problemsOf(detect({ ...A, items }));
    expect(problems).toHaveLength(3);
    expect(problems[0]).toMatch(/current_price is double.* → Alter it, or: Name the column/);
    expect(problems[1]).toContain('endTime');
    expect(problems[2]).toContain("'frozen'");
  });

  test('the reserve price as a public amount', () => {
    const problems = problemsOf(
      detect(A, { items: { columns: { currentPrice: 'reserve_price' } } }),
    );
    expect(problems).toEqual([expect.stringContaining('items.reserve_price looks private')]);
  });
});

describe('the mapping file', () => {
  const LOTS: Schema = {
    lots: `lot_id* bigint, state enum('Open','done','void'), price decimal(12,2), closes datetime, owner int`,
    offers: 'offer_id* bigint, lot_id bigint, who int, amount decimal(12,2)',
    members: 'member_id* int, nick varchar(30)',
  };
  const FILE = JSON.stringify({
    items: {
      table: 'lots',
      columns: { endTime: 'closes', sellerId: 'owner' },
      statusWords: { open: 'active', done: 'sold', void: 'cancelled' },
    },
    bids: { table: 'offers', columns: { bidderId: 'who' } },
    users: { table: 'members', columns: { name: 'nick' } },
  });

  test('names other tables, columns and words', () => {
    const parsed = parseMappingFile(FILE);
    if (!parsed.ok) throw new Error('not parsed');
    const result = detect(LOTS, parsed.override);
    expect(mapped(result)).toEqual({
      items: 'itemId=lot_id status=state currentPrice=price endTime=closes sellerId=owner',
      bids: 'bidId=offer_id itemId=lot_id bidderId=who amount',
      users: 'userId=member_id name=nick',
      watchlist: 'none',
    });
    expect(result.ok && result.mapping.statusWords.get('open')).toBe('active');
  });

  test('null does without a table or a column', () => {
    const result = detect(A, {
      users: null,
      watchlist: null,
      items: { columns: { reserveMet: null } },
    });
    expect(mapped(result)).toMatchObject({ users: 'none', watchlist: 'none' });
    expect(mapped(result)['items']).not.toContain('reserveMet');
  });

  test('a column that does not exist is refused with those that do', () => {
    const [problem] = problemsOf(detect(A, { bids: { columns: { amount: 'sum' } } }));
    expect(problem).toContain('bids.sum');
    expect(problem).toContain('id, item_id, bidder_id, amount');
  });

  test.each([
    ['no JSON', '{', 'not JSON'],
    ['an unknown table', '{"lots": {}}', '"lots"'],
    ['an unknown column', '{"items": {"columns": {"price": "p"}}}', '"items.columns.price"'],
    [
      'an unknown status',
      '{"items": {"statusWords": {"open": "live"}}}',
      '"items.statusWords.open"',
    ],
    [
      'a required column switched off',
      '{"bids": {"columns": {"amount": null}}}',
      '"bids.columns.amount"',
    ],
  ])('%s is refused by name', (_name, text, part) => {
    const parsed = parseMappingFile(text);
    expect(parsed.ok ? '' : parsed.problems[0]?.what).toContain(part);
  });

  test('every fault is told', () => {
    const parsed = parseMappingFile('{"lots": {}, "bids": {"table": 1}}');
    expect(parsed.ok ? [] : parsed.problems).toHaveLength(2);
  });
});

test.each(['items', 'users'])('%s that is a view is named as one, and never mapped', (view) => {
  const columns = columnsOf(A).map((column) =>
    column.table === view ? { ...column, isView: true } : column,
  );
  const result = detectMapping({ database: 'portal', columns, override: null });
  expect(problemsOf(result)).toEqual([
    expect.stringMatching(new RegExp(`"${view}" in database portal is a view`)),
  ]);
});
