/** The doctor, with exactly the documented rights: what it finds, what mends it, how it ends. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from 'mysql2/promise';
import { FLAVOURS } from '../support/database-server.ts';
import { gavelcastEnv } from '../support/gavelcast-process.ts';
import { setStage } from '../support/stage.ts';
import type { Stage } from '../support/stage.ts';
import { run } from './context.ts';
import type { Outcome } from './context.ts';

interface Found {
  readonly ok: boolean;
  readonly problems: number;
  readonly warnings: number;
  readonly checks: readonly { id: string; level: string; what: string; fix?: string }[];
}

describe.each(FLAVOURS)('%s', (flavour) => {
  const monitor = flavour === 'mariadb' ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
  let stage: Stage;
  let admin: Connection;

  beforeAll(async () => {
    stage = await setStage(flavour);
    admin = await stage.server.connect();
  });
  afterAll(async () => {
    await admin.end();
    await stage.stop();
  });

  function doctor(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
    return run(['doctor', ...args], { env: gavelcastEnv(stage.source, env) });
  }

  async function findings(env: Record<string, string> = {}): Promise<{ code: number } & Found> {
    const { code, stdout } = await doctor(['--json'], env);
    return { code, ...(JSON.parse(stdout) as Found) };
  }

  /** Checks that are not in order, by id. */
  function faults(found: Found): Map<string, string> {
    return new Map(
      found.checks.filter(({ level }) => level !== 'ok').map((one) => [one.id, one.fix ?? '']),
    );
  }

  test('a server set up as documented: everything in order, nothing secret shown', async () => {
    const { code, stdout, stderr } = await doctor([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/^\d+ in order, 0 warnings, 0 problems$/);
    for (const line of lines.slice(0, -2)) expect(line).toMatch(/^✓ /);
    expect(stdout).not.toContain(stage.source.password);
    expect(stdout).not.toContain('\u001b[');
    const found = await findings();
    expect(found).toMatchObject({ code: 0, ok: true, problems: 0, warnings: 0 });
    const ids = found.checks.map(({ id }) => id);
    for (const id of [
      'connection',
      'encryption',
      'version',
      'log-bin',
      'binlog-format',
      'row-image',
      'row-metadata',
      'checksum',
      'compression',
      'gtid',
      'retention',
      'grant-binlog-status',
      'grant-replication',
      'database',
      'zone',
      'clock',
      'mapping',
      'server-id',
      'replication',
      'binlog-read',
      'statement-writes',
      'overdue',
    ])
      expect(ids).toContain(id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test.each([
    ['REPLICATION SLAVE', '*.*', 'GRANT REPLICATION SLAVE ON *.* TO'],
    [monitor, '*.*', `GRANT ${monitor} ON *.* TO`],
    ['SELECT', 'database', 'GRANT SELECT ON'],
  ])(
    '%s taken away: it is named, the code is 1, and its own fix mends it',
    async (right, on, fix) => {
      const { user, database } = stage.source;
      const where = on === 'database' ? `${database}.*` : on;
      await admin.query(`REVOKE ${right} ON ${where} FROM '${user}'@'%'`);
      const found = await findings();
      expect(found.code).toBe(1);
      const fixes = [...faults(found).values()];
      expect(fixes).toHaveLength(1);
      const [advice = ''] = fixes;
      expect(advice).toContain(fix);
      expect(advice).toContain(`'${user}'`);
      const statement = /GRANT .*;/.exec(advice)?.[0] ?? '';
      await admin.query(statement);
      expect(await findings()).toMatchObject({ code: 0, problems: 0, warnings: 0 });
    },
  );

  test('a statement-format write to our tables, and auctions that nobody completed', async () => {
    const seller = await stage.portal.addUser({ name: 'Sue' });
    const item = { title: 'late', startingPrice: '1.00', sellerId: seller };
    const itemId = await stage.portal.addItem({ ...item, endTime: Date.now() - 600_000 });
    await admin.query(`SET SESSION binlog_format = 'STATEMENT'`);
    await admin.query(`USE ${stage.source.database}`);
    await admin.query(`UPDATE items SET current_price = 2 WHERE id = ${itemId.toString()}`);
    await admin.query(`SET SESSION binlog_format = 'ROW'`);
    const found = await findings();
    expect(found.code).toBe(1);
    expect([...faults(found).keys()]).toEqual(['statement-writes', 'overdue']);
    expect(faults(found).get('overdue')).toContain('cron');
    await admin.query('FLUSH BINARY LOGS');
    const later = await findings({ OVERDUE_SECONDS: '86400' });
    expect(later).toMatchObject({ code: 0, problems: 0, warnings: 0 });
    await stage.portal.complete();
  });

  test('warnings alone end with 0, and say their my.cnf line', async () => {
    await admin.query(`SET GLOBAL binlog_row_metadata = 'MINIMAL'`);
    try {
      const { code, stdout } = await doctor([]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^! binlog_row_metadata is MINIMAL/m);
      expect(stdout).toMatch(/^ {4}SET GLOBAL binlog_row_metadata = 'FULL'; and my\.cnf/m);
      expect(stdout).toContain('1 warning, 0 problems');
    } finally {
      await admin.query(`SET GLOBAL binlog_row_metadata = 'FULL'`);
    }
  });

  test('a wrong password, a wrong port, a server id that is the server’s own', async () => {
    const denied = await findings({ DB_PASSWORD: 'wrong' });
    expect(denied.code).toBe(1);
    expect([...faults(denied).keys()]).toEqual(['connection']);
    const away = await findings({ DB_PORT: '1' });
    expect(away).toMatchObject({ code: 1, problems: 1 });
    const own = await findings({ SERVER_ID: '1' });
    expect(faults(own).get('server-id')).toContain('SERVER_ID');
    expect((await doctor([], { DB_NAME: '' })).code).toBe(78);
    const unnamed = await doctor([], { SOURCE_TLS: 'verify-identity' });
    expect(unnamed).toMatchObject({ code: 78, stdout: '' });
    expect(unnamed.stderr).toContain('SOURCE_TLS=verify-ca');
  });
});
