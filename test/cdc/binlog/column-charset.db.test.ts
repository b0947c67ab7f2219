/** The servers' own lists of collations, and their conversion of every byte of single-byte character sets. */
import type { RowDataPacket } from 'mysql2/promise';
import { describe, expect, test } from 'vitest';
import { charsetOfCollation, textReader } from '../../../cdc/binlog/column-charset.ts';
import { FLAVOURS, startDatabase } from '../../support/database-server.ts';

/** MariaDB lists collations of several character sets under one name and no id of their own. */
const COLLATIONS = `SELECT ID AS id, CHARACTER_SET_NAME AS charset FROM INFORMATION_SCHEMA.COLLATIONS
  WHERE ID IS NOT NULL AND CHARACTER_SET_NAME IS NOT NULL`;

describe.each(FLAVOURS)('%s', (flavour) => {
  test('every collation is known by its id, and latin1 reads as the server converts it', async () => {
    const server = await startDatabase(flavour);
    try {
      const sql = await server.connect();
      const [rows] = await sql.query<RowDataPacket[]>(COLLATIONS);
      const theirs = rows.map((row) => [Number(row['id']), utf8Name(String(row['charset']))]);
      expect(theirs.map(([id]) => [id, charsetOfCollation(Number(id))])).toEqual(theirs);
      expect(theirs.length).toBeGreaterThan(200);
      const bytes = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
      const [[row]] = await sql.query<RowDataPacket[]>(
        `SELECT CONVERT(_latin1 x'${bytes.toString('hex')}' USING utf8mb4) AS text`,
      );
      expect(textReader('latin1')?.(bytes)).toBe(row?.['text']);
      await sql.end();
    } finally {
      await server.stop();
    }
  });
});

/** Older servers say `utf8` for its three-byte form. */
function utf8Name(charset: string): string {
  return charset === 'utf8' ? 'utf8mb3' : charset;
}
