/**
 * Which tables and columns of a schema mean what: rows of INFORMATION_SCHEMA and the mapping file's word in, a checked
 * mapping or every problem at once out. Pure.
 */
import type { AuctionStatus } from '../../src/auction/row-change.ts';
import { enumLabels, fits, looksPrivate, wanted } from './column-kind.ts';
import type { ColumnKind } from './column-kind.ts';
import type { MappingOverride, Problem } from './mapping-file.ts';
import type { ColumnDefinition, MappedTable, TableMapping } from './table-mapping.ts';

/** One row of INFORMATION_SCHEMA.COLUMNS, in order of table and ordinal. */
export interface SchemaColumn extends ColumnDefinition {
  readonly table: string;
  /** Its table is a view: the binlog never names it, so it can be mapped to nothing. */
  readonly isView?: boolean;
}

export type MappingResult =
  | { readonly ok: true; readonly mapping: TableMapping }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** How one column is found when the mapping file does not name it. */
interface Role {
  readonly kind: ColumnKind;
  readonly isOptional: boolean;
  /** Found by being the table's only primary key column, under one of the names. */
  readonly byPrimaryKey?: true;
  /** Groups of names, best first: the first group of which the table has any decides, and must have one only. */
  readonly names: readonly (readonly string[])[];
}

type Area = 'items' | 'bids' | 'users' | 'watchlist';

const DEFAULT_STATUS_WORDS: Readonly<Record<string, AuctionStatus>> = {
  draft: 'upcoming',
  pending: 'upcoming',
  scheduled: 'upcoming',
  active: 'active',
  live: 'active',
  open: 'active',
  completed: 'sold',
  sold: 'sold',
  expired: 'unsold',
  ended: 'unsold',
  unsold: 'unsold',
  cancelled: 'cancelled',
  canceled: 'cancelled',
};

const DEFAULT_BANNED_WORDS = ['suspended', 'banned', 'blocked', 'disabled', 'deleted'];

/**
 * Maps a schema.
 *
 * @param options.columns every column of the database that the account may see
 * @returns problems that each name table, column and candidates, and the line of the mapping file that settles it
 */
export function detectMapping(options: {
  readonly database: string;
  readonly columns: readonly SchemaColumn[];
  readonly override: MappingOverride | null;
}): MappingResult {
  const { override } = options;
  const search = new Search(options.database, options.columns);
  const itemsName = override?.items?.table ?? 'items';
  const itemIds = [['item_id'], [...new Set(['auction_id', 'lot_id', ownKey(itemsName)])]];

  const items = search.required('items', override?.items, itemRoles(itemsName));
  const bids = search.required('bids', override?.bids, bidRoles(override?.bids?.table, itemIds));
  const users = search.optional('users', override?.users, userRoles(override?.users?.table));
  const watchlist = search.optional('watchlist', override?.watchlist, {
    userId: { kind: 'id', isOptional: false, names: [['user_id']] },
    itemId: { kind: 'id', isOptional: false, names: itemIds },
  });
  const { statusWords, problems } = resolveStatusWords(
    search.statusColumn,
    override?.items?.statusWords ?? {},
  );
  const all = [...search.problems, ...problems];
  if (items === null || bids === null || all.length > 0) return { ok: false, problems: all };
  const bannedWords = override?.users?.bannedWords ?? DEFAULT_BANNED_WORDS;
  const mapping: TableMapping = {
    database: options.database,
    items,
    bids,
    users,
    watchlist,
    statusWords,
    bannedWords: new Set(bannedWords.map((word) => word.toLowerCase())),
  };
  return { ok: true, mapping };
}

function itemRoles(table: string) {
  return {
    itemId: primaryKey(['id', 'item_id', ownKey(table)]),
    status: required('words', [['status'], ['auction_status', 'state']]),
    currentPrice: required('money', [['current_price'], ['current_bid', 'price', 'highest_bid']]),
    endTime: required('time', [['end_time'], ['ends_at', 'end_at', 'end_date', 'closes_at']]),
    sellerId: optional('id', [['seller_id']]),
    highestBidderId: optional('id', [['highest_bidder_id'], ['high_bidder_id', 'leader_id']]),
    reservePrice: optional('money', [['reserve_price'], ['reserve']]),
    reserveMet: optional('flag', [['reserve_met'], ['is_reserve_met']]),
  } satisfies Record<string, Role>;
}

function bidRoles(table: string | undefined, itemIds: Role['names']) {
  return {
    bidId: primaryKey(['id', 'bid_id', ownKey(table ?? 'bids')]),
    itemId: required('id', itemIds),
    bidderId: required('id', [['bidder_id'], ['user_id']]),
    amount: required('money', [['amount'], ['bid_amount', 'price']]),
    placedAt: optional('time', [['timestamp'], ['created_at'], ['placed_at', 'bid_time']]),
  } satisfies Record<string, Role>;
}

function userRoles(table: string | undefined) {
  return {
    userId: primaryKey(['id', 'user_id', ownKey(table ?? 'users')]),
    name: optional('text', [['name'], ['display_name', 'username', 'full_name']]),
    status: optional('words', [['status']]),
    suspendedUntil: optional('time', [['suspended_until']]),
  } satisfies Record<string, Role>;
}

function primaryKey(names: readonly string[]) {
  const unique = [...new Set(names)];
  return { kind: 'id', isOptional: false, byPrimaryKey: true, names: [unique] } as const;
}

function required(kind: ColumnKind, names: Role['names']) {
  return { kind, isOptional: false, names } as const;
}

function optional(kind: ColumnKind, names: Role['names']) {
  return { kind, isOptional: true, names } as const;
}

/** `lots` → `lot_id`: the key that older installs name after the table. */
function ownKey(table: string): string {
  return `${table.toLowerCase().replace(/s$/, '')}_id`;
}

type Names<R extends Record<string, Role>, O extends boolean> = {
  [K in keyof R]: R[K]['isOptional'] extends O ? K : never;
}[keyof R] &
  string;
type MappedBy<R extends Record<string, Role>> = MappedTable<Names<R, false>, Names<R, true>>;

interface TableOverride {
  readonly table?: string | undefined;
  readonly columns?: Readonly<Record<string, string | null | undefined>> | undefined;
}

/** Looks for tables and columns, and remembers every problem. */
class Search {
  readonly problems: Problem[] = [];
  /** Kept apart, so that its words are judged even where the rest of its table is not found. */
  statusColumn: PlacedColumn | null = null;
  readonly #database: string;
  readonly #tables = new Map<string, ColumnDefinition[]>();
  readonly #views = new Set<string>();

  constructor(database: string, columns: readonly SchemaColumn[]) {
    this.#database = database;
    for (const { table, isView, ...column } of columns) {
      if (isView === true) {
        this.#views.add(table.toLowerCase());
        continue;
      }
      const known = this.#tables.get(table);
      if (known === undefined) this.#tables.set(table, [column]);
      else known.push(column);
    }
    for (const known of this.#tables.values()) known.sort((a, b) => a.ordinal - b.ordinal);
  }

  required<R extends Record<string, Role>>(
    area: Area,
    override: TableOverride | undefined,
    roles: R,
  ): MappedBy<R> | null {
    const name = override?.table ?? area;
    const table = this.#table(name);
    if (table !== null) return this.#columns(area, table, override, roles);
    if (this.#isView(name)) {
      this.#nameView(area, name);
      return null;
    }
    const known = [...this.#tables.keys()].slice(0, 20).join(', ');
    this.problems.push({
      what: `Database ${this.#database} shows no table "${name}"; it shows: ${known === '' ? 'none' : known}.`,
      fix:
        `Name it in the mapping file: {"${area}": {"table": "…"}}; ` +
        'or, if it is there, let our account read it (GRANT SELECT).',
    });
    return null;
  }

  /** A table that may be missing unless the mapping file names it; `null` there switches it off. */
  optional<R extends Record<string, Role>>(
    area: Area,
    override: TableOverride | null | undefined,
    roles: R,
  ): MappedBy<R> | null {
    if (override === null) return null;
    if (override?.table !== undefined) return this.required(area, override, roles);
    const table = this.#table(area);
    if (table === null && this.#isView(area)) this.#nameView(area, area);
    return table === null ? null : this.#columns(area, table, override, roles);
  }

  #isView(name: string): boolean {
    return this.#views.has(name.toLowerCase());
  }

  #nameView(area: Area, name: string): void {
    const none =
      area === 'users' || area === 'watchlist' ? `, or "${area}": null to do without` : '';
    this.problems.push({
      what: `"${name}" in database ${this.#database} is a view; the binlog shows the changes of tables only.`,
      fix: `Name the table behind it in the mapping file: {"${area}": {"table": "…"}}${none}.`,
    });
  }

  #table(name: string): { name: string; definition: ColumnDefinition[] } | null {
    const exact = this.#tables.get(name);
    if (exact !== undefined) return { name, definition: exact };
    const similar = [...this.#tables].filter(([key]) => key.toLowerCase() === name.toLowerCase());
    const only = similar.length === 1 ? similar[0] : undefined;
    return only === undefined ? null : { name: only[0], definition: only[1] };
  }

  #columns<R extends Record<string, Role>>(
    area: Area,
    table: { name: string; definition: ColumnDefinition[] },
    override: TableOverride | undefined,
    roles: R,
  ): MappedBy<R> | null {
    const columns: Record<string, ColumnDefinition> = {};
    let isComplete = true;
    for (const [role, how] of Object.entries(roles)) {
      const named = override?.columns?.[role];
      if (named === null) continue;
      const place = { area, role, table: table.name };
      const found = findColumn(place, table.definition, named, how);
      if (!found.ok) this.problems.push(found.problem);
      if (found.ok && found.column !== null) {
        columns[role] = found.column;
        if (area === 'items' && role === 'status') {
          this.statusColumn = { table: table.name, column: found.column };
        }
      } else if (!how.isOptional) isComplete = false;
    }
    if (!isComplete) return null;
    // Object.entries loses the keys' types; every required role was checked to be there just above.
    const typed = columns as MappedBy<R>['columns'];
    return { table: table.name, definition: table.definition, columns: typed };
  }
}

interface PlacedColumn {
  readonly table: string;
  readonly column: ColumnDefinition;
}

interface Place {
  readonly area: Area;
  readonly role: string;
  readonly table: string;
}

type Found =
  | { readonly ok: true; readonly column: ColumnDefinition | null }
  | { readonly ok: false; readonly problem: Problem };

function findColumn(
  place: Place,
  definition: readonly ColumnDefinition[],
  named: string | undefined,
  how: Role,
): Found {
  const hits = candidates(definition, named, how);
  const [hit] = hits;
  if (hits.length > 1) {
    return problem(
      place,
      `Table ${place.table} has several columns that may be the ${place.role}: ${list(hits)}.`,
      hit?.name,
    );
  }
  if (hit === undefined) {
    if (how.isOptional && named === undefined) return { ok: true, column: null };
    return problem(place, missing(place, definition, named, how), undefined);
  }
  const full = `${place.table}.${hit.name}`;
  if (place.role !== 'reservePrice' && looksPrivate(hit.name, place.role)) {
    return problem(
      place,
      `Column ${full} looks private and can never be the ${place.role}.`,
      undefined,
    );
  }
  if (!fits(how.kind, hit)) {
    const what = `Column ${full} is ${hit.columnType}; as the ${place.role} it must be ${wanted(how.kind)}.`;
    const found = problem(place, what, undefined, how.isOptional);
    const { fix } = found.problem;
    return { ok: false, problem: { what, fix: `Alter it, or: ${fix}` } };
  }
  return { ok: true, column: hit };
}

function candidates(
  definition: readonly ColumnDefinition[],
  named: string | undefined,
  how: Role,
): ColumnDefinition[] {
  const byName = (names: readonly string[]): ColumnDefinition[] =>
    definition.filter((column) => names.includes(column.name.toLowerCase()));
  if (named !== undefined) return byName([named.toLowerCase()]);
  for (const names of how.names) {
    const hits = byName(names);
    const keys = definition.filter((column) => column.isPrimaryKey);
    const kept = how.byPrimaryKey
      ? hits.filter((hit) => hit.isPrimaryKey && keys.length === 1)
      : hits;
    if (kept.length > 0) return kept;
  }
  return [];
}

function missing(
  place: Place,
  definition: readonly ColumnDefinition[],
  named: string | undefined,
  how: Role,
): string {
  if (named !== undefined) {
    return `The mapping file names column ${place.table}.${named}, which does not exist; there are: ${list(definition)}.`;
  }
  const keys = definition.filter((column) => column.isPrimaryKey);
  const key = keys.length === 0 ? 'it has none' : `it is (${list(keys)})`;
  const looked = how.names.flat().join(', ');
  return how.byPrimaryKey
    ? `Table ${place.table} has no ${place.role}: its primary key should be one column named ${looked}; ${key}.`
    : `Table ${place.table} has no column for the ${place.role} (looked for ${looked}); candidates: ` +
        `${list(definition.filter((column) => fits(how.kind, column))) || 'none of a fitting type'}.`;
}

function problem(
  place: Place,
  what: string,
  guess?: string,
  isOptional = false,
): Extract<Found, { ok: false }> {
  const line = `{"${place.area}": {"columns": {"${place.role}": "${guess ?? '…'}"}}}`;
  const none = isOptional ? `, or "${place.role}": null to do without` : '';
  return {
    ok: false,
    problem: { what, fix: `Name the column in the mapping file: ${line}${none}.` },
  };
}

function list(columns: readonly ColumnDefinition[]): string {
  return columns.map((column) => column.name).join(', ');
}

/** Every label of an ENUM must mean something, and at least one word must mean "active". */
function resolveStatusWords(
  placed: PlacedColumn | null,
  named: Readonly<Record<string, AuctionStatus>>,
): { statusWords: Map<string, AuctionStatus>; problems: Problem[] } {
  const statusWords = new Map(Object.entries(DEFAULT_STATUS_WORDS));
  for (const [word, status] of Object.entries(named)) statusWords.set(word.toLowerCase(), status);
  const labels = placed === null ? null : enumLabels(placed.column.columnType);
  if (placed === null || labels === null) return { statusWords, problems: [] };

  const full = `${placed.table}.${placed.column.name}`;
  const problems: Problem[] = labels
    .filter((label) => !statusWords.has(label.toLowerCase()))
    .map((label) => ({
      what: `Column ${full} has the status word '${label}', whose meaning is not known.`,
      fix:
        `Say it in the mapping file: {"items": {"statusWords": {${JSON.stringify(label)}: "…"}}} ` +
        'with one of upcoming, active, sold, unsold, cancelled.',
    }));
  const isAnyActive = labels.some((label) => statusWords.get(label.toLowerCase()) === 'active');
  if (problems.length === 0 && !isAnyActive) {
    problems.push({
      what: `None of the status words of ${full} means "active": ${labels.join(', ')}.`,
      fix: 'Say which does in the mapping file: {"items": {"statusWords": {"…": "active"}}}.',
    });
  }
  return { statusWords, problems };
}
