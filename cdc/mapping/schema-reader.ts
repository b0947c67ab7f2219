/**
 * Reads what INFORMATION_SCHEMA says of a database's columns.
 */
import type { Queryable } from '../source/database-pool.ts';
import type { SchemaColumn } from './detect-mapping.ts';

/** Every column that the account may see, by table and place; those of views are marked. @throws AppError */
export async function readSchema(database: Queryable, name: string): Promise<SchemaColumn[]> {
  const rows = await database.query(
    'SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, ORDINAL_POSITION, IS_NULLABLE, COLUMN_KEY,' +
      ' CHARACTER_SET_NAME' +
      ' FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION',
    [name],
  );
  const views = await database.query(
    "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE LIKE '%VIEW'",
    [name],
  );
  const viewNames = new Set(views.map(([view]) => view ?? ''));
  return rows.map(
    ([table, column, dataType, columnType, ordinal, isNullable, key, characterSet]) => ({
      table: table ?? '',
      name: column ?? '',
      dataType: (dataType ?? '').toLowerCase(),
      columnType: columnType ?? '',
      ordinal: Number(ordinal) - 1,
      isNullable: isNullable === 'YES',
      isPrimaryKey: key === 'PRI',
      characterSet: characterSet ?? null,
      ...(viewNames.has(table ?? '') ? { isView: true } : {}),
    }),
  );
}
