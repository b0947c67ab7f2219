import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createConnection } from 'mysql2/promise';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findInstallation } from './database-installation.ts';
import { createSourceAccount, FLAVOURS, startDatabase } from './database-server.ts';
import type { DatabaseServer } from './database-server.ts';
import { PATIENCE_MS } from './until.ts';

const SERVER_MODULE = fileURLToPath(new URL('./database-server.ts', import.meta.url));

describe.each(FLAVOURS)('a private %s server', (flavour) => {
  let server: DatabaseServer;

  beforeAll(async () => {
    server = await startDatabase(flavour);
  });

  afterAll(() => server.stop());

  test('is the flavour asked for and logs whole, self-describing rows', async () => {
    const variables = await readVariables(server, ['version', 'log_bin', 'binlog_row_metadata']);
    expect(/mariadb/i.test(variables['version'] ?? '')).toBe(flavour === 'mariadb');
    expect(variables).toMatchObject({ log_bin: 'ON', binlog_row_metadata: 'FULL' });
  });

  test.each(['graceful', 'crash'] as const)(
    'keeps port and data over a %s restart',
    async (how) => {
      const { port } = server;
      await query(server, `CREATE DATABASE kept_${how}`);
      // A setting that lives in the process alone shows that it is another process afterwards.
      await query(server, 'SET GLOBAL max_connect_errors = 4321');
      await server.restart(how);
      expect(server.port).toBe(port);
      expect(await query(server, `SHOW DATABASES LIKE 'kept_${how}'`)).toHaveLength(1);
      const { max_connect_errors } = await readVariables(server, ['max_connect_errors']);
      expect(max_connect_errors).not.toBe('4321');
    },
  );

  test('freezes on SIGSTOP and goes on with SIGCONT', async () => {
    server.signal('SIGSTOP');
    const answer = query(server, 'SELECT 1 AS one');
    try {
      expect(await Promise.race([answer, delay(300, 'frozen')])).toBe('frozen');
    } finally {
      server.signal('SIGCONT');
    }
    expect(await answer).toEqual([{ one: 1 }]);
  });

  test('gives Gavelcast an account that reads the portal and nothing else', async () => {
    await query(server, 'CREATE DATABASE portal');
    await query(server, 'CREATE TABLE portal.items (id INT PRIMARY KEY)');
    const { user, password } = await createSourceAccount(server, 'portal');
    const { host, port } = server;
    const account = await createConnection({ host, port, user, password, database: 'portal' });
    try {
      await account.query('SELECT * FROM items');
      await account.query(flavour === 'mariadb' ? 'SHOW MASTER STATUS' : 'SHOW BINARY LOG STATUS');
      await expect(account.query('INSERT INTO items VALUES (1)')).rejects.toThrow(/denied/);
      await expect(account.query('SELECT * FROM mysql.user')).rejects.toThrow(/denied/);
    } finally {
      await account.end();
    }
  });
});

describe.each(FLAVOURS)('%s servers', (flavour) => {
  test('take variables that replace the defaults', async () => {
    const variables = { 'binlog-row-metadata': 'MINIMAL', binlog_row_image: 'MINIMAL' };
    const server = await startDatabase(flavour, { variables });
    try {
      expect(await readVariables(server, ['binlog_row_metadata', 'binlog_row_image'])).toEqual({
        binlog_row_metadata: 'MINIMAL',
        binlog_row_image: 'MINIMAL',
      });
    } finally {
      await server.stop();
    }
  });

  test('say with their log why they did not start', async () => {
    const variables = { no_such_variable: '1' };
    await expect(startDatabase(flavour, { variables })).rejects.toThrow(
      /did not start: exit code[^]*no.such.variable/,
    );
  });

  test('leave nothing behind when stopped, and stop twice', async () => {
    const server = await startDatabase(flavour);
    const home = homeOnPort(flavour, await readVariables(server, ['datadir']));
    expect(homes(flavour)).toContain(home);
    await Promise.all([server.stop(), server.stop()]);
    expect(homes(flavour)).not.toContain(home);
    await waitForFreePort(server.port);
  });

  test('do not outlive their program, even when it is killed', async () => {
    const script = `const {startDatabase} = await import(process.argv[1]);
      const server = await startDatabase(process.argv[2]);
      const connection = await server.connect();
      const [[{dir}]] = await connection.query('SELECT @@datadir AS dir');
      process.stdout.write(JSON.stringify({dir, port: server.port}) + '\\n');
      setInterval(() => undefined, 1000);`;
    const args = ['--input-type=module', '-e', script, SERVER_MODULE, flavour];
    const program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const line = String((await once(program.stdout, 'data'))[0]);
    const { dir, port } = parseReport(line);
    const home = homeOnPort(flavour, { datadir: dir });
    expect(homes(flavour)).toContain(home);
    program.kill('SIGKILL');
    await waitForFreePort(port);
    await expect.poll(() => homes(flavour), { timeout: PATIENCE_MS }).not.toContain(home);
  });
});

function homes(flavour: DatabaseServer['flavour']): string[] {
  return readdirSync(findInstallation(flavour).dataRoot);
}

/** `…/gavelcast-db-x/data/` → `gavelcast-db-x`. */
function homeOnPort(
  flavour: DatabaseServer['flavour'],
  variables: Readonly<Record<string, string>>,
): string {
  const home = variables['datadir']?.split('/').at(-3) ?? '';
  expect(home, `data directory of ${flavour}`).toMatch(/^gavelcast-db-/);
  return home;
}

function parseReport(line: string): { dir: string; port: number } {
  const report: unknown = JSON.parse(line);
  if (typeof report !== 'object' || report === null) throw new Error(`not a report: ${line}`);
  if (!('dir' in report) || !('port' in report)) throw new Error(`not a report: ${line}`);
  return { dir: String(report.dir), port: Number(report.port) };
}

async function waitForFreePort(port: number): Promise<void> {
  const listen = (): Promise<string> =>
    new Promise((resolve) => {
      const probe = createServer();
      probe.once('error', (error) => {
        resolve(error.message);
      });
      probe.listen(port, '127.0.0.1', () => {
        probe.close(() => {
          resolve('free');
        });
      });
    });
  await expect.poll(listen, { timeout: PATIENCE_MS }).toBe('free');
}

async function readVariables(
  server: DatabaseServer,
  names: readonly string[],
): Promise<Record<string, string>> {
  const placeholders = names.map(() => '?').join(', ');
  const sql = `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${placeholders})`;
  const rows = await query(server, sql, names);
  return Object.fromEntries(
    rows.map((row) => [String(row['Variable_name']), String(row['Value'])]),
  );
}

async function query(
  server: DatabaseServer,
  sql: string,
  values: readonly string[] = [],
): Promise<RowDataPacket[]> {
  const connection: Connection = await server.connect();
  try {
    const [rows] = await connection.query<RowDataPacket[]>(sql, [...values]);
    return rows;
  } finally {
    await connection.end();
  }
}
