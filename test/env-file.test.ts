import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { parseEnvFile, readEnvironment } from '../src/env-file.ts';

describe('lines', () => {
  test.each([
    ['DB_HOST=db', 'db'],
    ['DB_HOST = db  ', 'db'],
    ['  DB_HOST=db', 'db'],
    ['export DB_HOST=db', 'db'],
    ['DB_HOST="d b"', 'd b'],
    ["DB_HOST='d b'", 'd b'],
    ['DB_HOST=`d b`', 'd b'],
    ['DB_HOST="a#b"', 'a#b'],
    ["DB_HOST='a # b' # why", 'a # b'],
    ['DB_HOST=db # why', 'db'],
    ['DB_HOST="a=b"', 'a=b'],
    ['DB_HOST=a=b', 'a=b'],
    ['DB_HOST=', ''],
    ['DB_HOST=""', ''],
    ['DB_HOST= # nothing', ''],
    ["DB_HOST='$NOT $EXPANDED'", '$NOT $EXPANDED'],
    ['DB_HOST="it\'s"', "it's"],
    ['DB_HOST=first\nDB_HOST=last', 'last'],
  ])('%j', (line, value) => {
    for (const text of [
      line,
      `# above\n${line}\n\nDB_PORT=1\n`,
      `${line}\n`.replaceAll('\n', '\r\n'),
    ]) {
      expect(parseEnvFile(text).values['DB_HOST']).toBe(value);
    }
  });

  test('comments, blank lines and lines without a value are nothing', () => {
    expect(parseEnvFile('# DB_HOST=a\n\n   \nDB_PORT\n')).toEqual({ values: {}, warnings: [] });
  });

  test('a byte order mark does not hide the first name', () => {
    expect(parseEnvFile('\uFEFFDB_HOST=db').values).toEqual({ DB_HOST: 'db' });
  });

  test('a value that a # cuts is pointed out, without repeating it', () => {
    const cut = parseEnvFile(
      'DB_PASSWORD=ab#cd\nDB_USER=u # fine\nMAIL=x#y\nDB_NAME="a#b"\nWS_PATH=#x\nDB_HOST=# none',
    );
    expect(cut.warnings.map(({ name }) => name)).toEqual(['DB_PASSWORD', 'WS_PATH']);
    expect(JSON.stringify(cut.warnings)).not.toMatch(/ab|cd/);
  });
});

describe('what is found', () => {
  let home = '';

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'gavelcast-env-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });
  const write = (name: string, text: string): void => {
    writeFileSync(join(home, name), text);
  };

  test('.env of the working directory, if there is one', () => {
    expect(readEnvironment({ env: {}, cwd: home, envFile: null })).toEqual({
      env: {},
      envFile: null,
      problems: [],
      warnings: [],
    });
    write('.env', 'DB_HOST=db');
    const found = readEnvironment({ env: {}, cwd: home, envFile: null });
    expect(found).toMatchObject({ env: { DB_HOST: 'db' }, envFile: join(home, '.env') });
  });

  test('the environment wins, empty values included; process.env stays as it is', () => {
    write('.env', 'DB_HOST=file\nDB_PORT=1\nDB_USER=file');
    const env = { DB_HOST: 'real', DB_USER: '' };
    const found = readEnvironment({ env, cwd: home, envFile: null });
    expect(found.env).toEqual({ DB_HOST: 'real', DB_PORT: '1', DB_USER: '' });
    expect(env).toEqual({ DB_HOST: 'real', DB_USER: '' });
  });

  test('a named file must be there, and is taken instead of .env', () => {
    write('.env', 'DB_HOST=default');
    write('other', 'DB_HOST=other');
    expect(readEnvironment({ env: {}, cwd: home, envFile: 'other' }).env).toEqual({
      DB_HOST: 'other',
    });
    const missing = readEnvironment({ env: {}, cwd: home, envFile: 'missing' });
    expect(missing.problems.map(({ problem }) => problem)).toEqual(['cannot be read (ENOENT)']);
  });

  test('a .env that cannot be read is a fault, not an absence', () => {
    mkdirSync(join(home, '.env'));
    const found = readEnvironment({ env: {}, cwd: home, envFile: null });
    expect(found.problems.map(({ problem }) => problem)).toEqual(['cannot be read (EISDIR)']);
  });

  test.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret', 'secret'],
    [' sec ret \n\n', ' sec ret \n'],
  ])('a secret from a file loses one line break: %j', (text, value) => {
    write('jwt', text);
    const found = readEnvironment({ env: { JWT_SECRET_FILE: 'jwt' }, cwd: home, envFile: null });
    expect(found.env['JWT_SECRET']).toBe(value);
    expect(found.warnings).toEqual([]);
  });

  test('NAME_FILE wins over NAME with a warning, for every secret', () => {
    write('file', 'from-file');
    for (const name of ['DB_PASSWORD', 'SOURCE_PASSWORD', 'JWT_SECRET']) {
      write('.env', `${name}=from-env\n${name}_FILE=file`);
      const found = readEnvironment({ env: {}, cwd: home, envFile: null });
      expect(found.env[name]).toBe('from-file');
      expect(found.warnings.map((warning) => warning.name)).toEqual([name]);
      expect(JSON.stringify(found.warnings)).not.toMatch(/from-/);
    }
  });

  test('a secret file that cannot be read is a fault by name', () => {
    const env = { JWT_SECRET_FILE: 'none', DB_PASSWORD_FILE: home };
    const { problems } = readEnvironment({ env, cwd: home, envFile: null });
    expect(problems.map(({ name, problem }) => `${name} ${problem}`)).toEqual([
      'DB_PASSWORD_FILE names a file that cannot be read (EISDIR)',
      'JWT_SECRET_FILE names a file that cannot be read (ENOENT)',
    ]);
  });
});
