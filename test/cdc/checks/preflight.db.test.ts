/** Every problem of a source is found before anything depends on it, all at once, each with its fix. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from 'mysql2/promise';
import { linesOf } from '../../../cdc/checks/check.ts';
import { DatabasePool } from '../../../cdc/source/database-pool.ts';
import { preflight } from '../../../cdc/checks/preflight.ts';
import type { PreflightOptions, PreflightResult } from '../../../cdc/checks/preflight.ts';
import { createSourceAccount, FLAVOURS, startDatabase } from '../../support/database-server.ts';
import type { Account, DatabaseServer } from '../../support/database-server.ts';
import { createPortalTables } from '../../support/portal-schema.ts';

/** Runs preflight as an account, with whatever differs. */
async function check(
  server: DatabaseServer,
  account: Account,
  more: Partial<PreflightOptions> = {},
): Promise<PreflightResult> {
  const connection = { host: server.host, port: server.port, ...account, connectTimeoutMs: 5_000 };
  const pool = new DatabasePool(connection);
  try {
    return await preflight(
      {
        pool,
        connection,
        database: 'portal',
        mappingFile: null,
        zone: null,
        serverId: null,
        ...more,
      },
      { now: Date.now },
    );
  } finally {
    pool.close();
  }
}

function problems(result: PreflightResult): string[] {
  return linesOf(result.checks, 'problem');
}

describe.each(FLAVOURS)('%s', (flavour) => {
  const monitor = flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';

  describe('a server set up as recommended', () => {
    let server: DatabaseServer;
    let admin: Connection;
    let account: Account;

    beforeAll(async () => {
      server = await startDatabase(flavour);
      admin = await server.connect();
      await admin.query('CREATE DATABASE portal');
      await admin.changeUser({ database: 'portal' });
      await createPortalTables(admin, 'A');
      account = await createSourceAccount(server, 'portal');
    });
    afterAll(async () => {
      await admin.end();
      await server.stop();
    });

    test('passes with the least rights, without a warning', async () => {
      const startedAtMs = performance.now();
      const result = await check(server, account);
      const tookMs = performance.now() - startedAtMs;
      expect(problems(result)).toEqual([]);
      expect(linesOf(result.checks, 'warning')).toEqual([]);
      expect(result).toMatchObject({
        ok: true,
        source: { flavour, gtid: true, rowMetadata: 'FULL', zoneName: 'UTC' },
      });
      if (!result.ok) return;
      expect(result.source.serverId).toBeGreaterThanOrEqual(2 ** 31);
      // A measurement is out by no more than it takes.
      expect(Math.abs(result.source.clockOffsetMs)).toBeLessThan(1_000 + tookMs);
      expect(result.source.mapping.items.definition).toHaveLength(14);
    });

    /** Takes a right away for the time of one check. */
    async function withoutRight(right: string, on: string): Promise<string[]> {
      const { user } = account;
      await admin.query(`REVOKE ${right} ON ${on} FROM '${user}'@'%'`);
      try {
        return problems(await check(server, account));
      } finally {
        await admin.query(`GRANT ${right} ON ${on} TO '${user}'@'%'`);
      }
    }

    test.each([
      [monitor, '*.*', `GRANT ${monitor} ON *.* TO`],
      ['REPLICATION SLAVE', '*.*', 'GRANT REPLICATION SLAVE ON *.* TO'],
      ['SELECT', 'portal.*', 'GRANT SELECT ON `portal`.* TO'],
    ])('%s on %s taken away is named', async (right, on, fix) => {
      const found = await withoutRight(right, on);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(fix);
      expect(found[0]).toContain(`'${account.user}'`);
    });

    test('a users table that is missing is warned of; one that is a view is a problem', async () => {
      await admin.query('RENAME TABLE users TO people');
      try {
        const without = await check(server, account);
        expect(problems(without)).toEqual([]);
        expect(linesOf(without.checks, 'warning')).toEqual([
          expect.stringContaining('No users table is mapped'),
        ]);
        await admin.query('CREATE VIEW users AS SELECT * FROM people');
        expect(problems(await check(server, account))).toEqual([
          expect.stringContaining('"users" in database portal is a view'),
        ]);
        await admin.query('DROP VIEW users');
      } finally {
        await admin.query('RENAME TABLE people TO users');
      }
    });

    test('a table, and some columns of a table, that may not be read are named', async () => {
      const partly = { user: 'partly', password: 'partly-secret' };
      await admin.query(`CREATE USER 'partly'@'%' IDENTIFIED BY 'partly-secret'`);
      await admin.query(`GRANT REPLICATION SLAVE, ${monitor} ON *.* TO 'partly'@'%'`);
      await admin.query(`GRANT SELECT ON portal.items TO 'partly'@'%'`);
      expect(problems(await check(server, partly))).toEqual([
        expect.stringContaining("GRANT SELECT ON `portal`.`bids` TO 'partly'"),
      ]);
      await admin.query(`GRANT SELECT ON portal.bids TO 'partly'@'%'`);
      await admin.query(`GRANT SELECT (id, name) ON portal.users TO 'partly'@'%'`);
      expect(problems(await check(server, partly))).toEqual([
        expect.stringContaining("GRANT SELECT ON `portal`.`users` TO 'partly'"),
      ]);
    });

    test('a wrong password, a wrong port and a wrong database are told apart', async () => {
      const denied = await check(server, { ...account, password: 'wrong' });
      expect(denied).toMatchObject({ ok: false, code: 'SOURCE_ACCESS_DENIED' });
      const nowhere = new DatabasePool({
        host: server.host,
        port: 1,
        ...account,
        connectTimeoutMs: 1_000,
      });
      expect(await check(server, account, { pool: nowhere })).toMatchObject({
        ok: false,
        code: 'SOURCE_UNREACHABLE',
      });
      const elsewhere = await check(server, account, { database: 'gateway' });
      expect(problems(elsewhere)).toEqual([expect.stringContaining('gateway')]);
      const admins = await check(server, server.admin, { database: 'gateway' });
      expect(problems(admins)).toEqual(['There is no database gateway. → Correct DB_NAME.']);
    });

    test('a status word that means nothing to us is named, and the mapping file settles it', async () => {
      await admin.query(
        `ALTER TABLE items MODIFY status ENUM('active','completed','expired','frozen') NOT NULL`,
      );
      try {
        const result = await check(server, account);
        expect(result).toMatchObject({ ok: false, code: 'MAPPING_INVALID' });
        expect(problems(result)).toEqual([expect.stringContaining(`'frozen'`)]);
        const mappingFile = { items: { statusWords: { frozen: 'upcoming' } } } as const;
        expect(await check(server, account, { mappingFile })).toMatchObject({ ok: true });
      } finally {
        await admin.query(
          `ALTER TABLE items MODIFY status ENUM('active','completed','expired') NOT NULL`,
        );
      }
    });

    test('our server id may not be the server’s own', async () => {
      expect(problems(await check(server, account, { serverId: 1 }))).toEqual([
        expect.stringContaining('Server id 1'),
      ]);
      expect(await check(server, account, { serverId: 77 })).toMatchObject({
        ok: true,
        source: { serverId: 77 },
      });
    });

    test('a configured zone that is none is refused, the server’s own zone is found', async () => {
      expect(problems(await check(server, account, { zone: 'Berlin' }))).toEqual([
        expect.stringContaining('DB_TIMEZONE'),
      ]);
      await admin.query(`SET GLOBAL time_zone = '+05:30'`);
      try {
        expect(await check(server, account)).toMatchObject({
          ok: true,
          source: { zoneName: '+05:30' },
        });
      } finally {
        await admin.query(`SET GLOBAL time_zone = 'SYSTEM'`);
      }
    });
  });

  test('everything that is wrong with a server is told at once', async () => {
    const gtid = flavour === 'mysql' ? { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' } : {};
    const server = await startDatabase(flavour, {
      variables: {
        binlog_format: 'STATEMENT',
        binlog_row_image: 'MINIMAL',
        binlog_row_metadata: 'MINIMAL',
        binlog_checksum: 'NONE',
        binlog_expire_logs_seconds: '600',
        ...gtid,
      },
    });
    try {
      const admin = await server.connect();
      await admin.query('CREATE DATABASE portal');
      await admin.query('CREATE TABLE portal.items (id INT PRIMARY KEY)');
      await admin.end();
      const result = await check(server, server.admin);
      expect(result.ok).toBe(false);
      const ids = (level: string): string[] =>
        result.checks.filter((one) => one.level === level).map((one) => one.id);
      expect(new Set(ids('problem'))).toEqual(new Set(['binlog-format', 'mapping']));
      expect(problems(result).length).toBeGreaterThanOrEqual(4);
      const warnings = [
        'row-image',
        'row-metadata',
        'checksum',
        'retention',
        ...(flavour === 'mysql' ? ['gtid'] : []),
      ];
      expect(new Set(ids('warning'))).toEqual(new Set(warnings));
      for (const one of result.checks) if (one.level !== 'ok') expect(one.fix).toBeTruthy();
    } finally {
      await server.stop();
    }
  });

  test('a server without a binlog is refused with the line for my.cnf', async () => {
    const variables =
      flavour === 'mysql' ? { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' } : {};
    const server = await startDatabase(flavour, { variables: { ...variables, skip_log_bin: '1' } });
    try {
      const result = await check(server, server.admin);
      expect(problems(result).join('\n')).toContain('[mysqld]: log_bin = binlog');
    } finally {
      await server.stop();
    }
  });
});
