/**
 * The changes of the lab's items and users as zongji reads them from the same binlog: a second opinion on our own decoder.
 */
import ZongJi from '@vlasky/zongji';
import { parseMoney } from '../../../src/auction/money.ts';
import type { RowChange } from '../../../src/auction/row-change.ts';
import { UTC, wallClockToEpochMs } from '../../../src/auction/zone.ts';
import type { TailLab } from './tail-lab.ts';

/** A change without its place. */
export type Bare = Readonly<Record<string, unknown>>;

/** Takes the place off a change. */
export function bare(change: RowChange): Bare {
  const { table, kind } = change;
  const key = 'itemId' in change ? change.itemId : 'userId' in change ? change.userId : null;
  return {
    table,
    kind,
    key,
    before: 'before' in change ? change.before : undefined,
    after: 'after' in change ? change.after : undefined,
  };
}

/** The changes of items and users as zongji reads them, until the mark. */
export async function readByZongji(
  lab: TailLab,
  from: { file: string; offset: number },
): Promise<Bare[]> {
  const { connection, serverId } = lab.options();
  const { host, port, user, password } = connection;
  const zongji = new ZongJi({
    host,
    port,
    user,
    password,
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
  const found: Bare[] = [];
  await new Promise<void>((resolve, reject) => {
    zongji.on('error', reject);
    zongji.on('binlog', (event) => {
      if (!('rows' in event)) return;
      const table = event.tableMap[event.tableId]?.tableName ?? '';
      if (table === 'watchlist') resolve();
      else found.push(...changesOf(lab, table, event));
    });
    zongji.start({
      serverId,
      filename: from.file,
      position: from.offset,
      includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows'],
      includeSchema: { [lab.database]: ['items', 'users', 'watchlist'] },
    });
  });
  const stopped = new Promise((resolve) => zongji.once('stopped', resolve));
  zongji.stop();
  await stopped;
  return found;
}

function changesOf(
  lab: TailLab,
  table: string,
  event: { rows: readonly unknown[]; getTypeName(): string },
): Bare[] {
  const definition = (table === 'items' ? lab.mapping.items : lab.mapping.users)?.definition ?? [];
  const bitmaps = ['columns_present_bitmap', 'columns_present_bitmap2'].map(
    (name) => Reflect.get(event, name) as Uint8Array | undefined,
  );
  const image = (row: unknown, bitmap = bitmaps[0]): Record<string, unknown> => {
    const held: Record<string, unknown> = {};
    for (const { name, ordinal } of definition) {
      const bits = bitmap?.[ordinal >> 3] ?? 0;
      if (((bits >> (ordinal & 7)) & 1) === 1) held[name] = Reflect.get(row as object, name);
    }
    return held;
  };
  const name = event.getTypeName();
  return event.rows.flatMap((row) => {
    if (name === 'WriteRows') return [told(lab, table, 'insert', { after: image(row) })];
    if (name === 'DeleteRows') return [told(lab, table, 'delete', { before: image(row) })];
    const before = image(Reflect.get(row as object, 'before'));
    const after = image(Reflect.get(row as object, 'after'), bitmaps[1]);
    const change = told(lab, table, 'update', { before, after });
    const isSame = Object.entries(change['after'] as object).every(
      ([field, value]) => Reflect.get(change['before'] as object, field) === value,
    );
    return isSame ? [] : [change];
  });
}

/** What zongji's values mean, by the old way: text and numbers made into ids, amounts and instants. */
function told(
  lab: TailLab,
  table: string,
  kind: string,
  images: { before?: Record<string, unknown>; after?: Record<string, unknown> },
): Bare {
  const typed = (row: Record<string, unknown> | undefined): Bare | undefined => {
    if (row === undefined) return undefined;
    const into: Record<string, unknown> = {};
    if ('status' in row) {
      const word = textOf(row['status']).toLowerCase();
      if (table === 'items') into['status'] = lab.mapping.statusWords.get(word);
      else into['mayConnect'] = !lab.mapping.bannedWords.has(word);
    }
    if ('name' in row) into['name'] = row['name'];
    if ('price' in row)
      into['currentPrice'] = row['price'] === null ? null : parseMoney(textOf(row['price']));
    if ('ends_at' in row) {
      into['endTimeMs'] =
        row['ends_at'] === null ? null : wallClockToEpochMs(textOf(row['ends_at']), UTC);
    }
    return into;
  };
  const key = images.after?.['id'] ?? images.before?.['id'];
  const hasNoBefore = table === 'users' && kind === 'delete';
  return {
    table,
    kind,
    key: String(key),
    before: hasNoBefore ? undefined : typed(images.before),
    after: typed(images.after),
  };
}

/** Text, or a number as text. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? value.toString() : '';
}
