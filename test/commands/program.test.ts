import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { OPTIONS } from '../../src/config-options.ts';
import { VERSION } from '../../src/version.ts';
import { emptyDirectory, run } from './context.ts';

const COMMANDS = ['serve', 'tail', 'watch', 'token', 'config', 'doctor'];
const CANARY = 'kanarienvogel-that-must-never-be-printed';
const GOOD = {
  DB_NAME: 'portal',
  DB_USER: 'api',
  DB_PASSWORD: CANARY,
  JWT_SECRET: CANARY,
};

describe('help', () => {
  test('the program’s: every command, examples and exit codes', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    for (const exitCode of [0, 1, 64, 69, 70, 78])
      expect(stdout).toMatch(new RegExp(`^  ${exitCode} +\\S`, 'm'));
    expect(stdout).toContain('Examples:');
  });

  test.each(COMMANDS)('%s --help, help %s and --version', async (command) => {
    const help = await run([command, '--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain(`Usage: gavelcast ${command}`);
    expect(help.stdout).toContain(`  gavelcast ${command}`);
    expect(help.stdout).toContain('--env <path>');
    expect((await run(['help', command])).stdout).toBe(help.stdout);
    expect(await run([command, '--version'])).toEqual({
      code: 0,
      stdout: `${VERSION}\n`,
      stderr: '',
    });
  });

  test('serve --help has every variable of the table', async () => {
    const { stdout } = await run(['serve', '--help']);
    for (const name of Object.keys(OPTIONS))
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'));
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('--version', async () => {
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: '' });
  });
});

describe('wrong usage', () => {
  test('no command: the help, on stderr', async () => {
    const { code, stdout, stderr } = await run([]);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain('Usage: gavelcast');
  });

  test('a mistyped command gets a suggestion', async () => {
    const { code, stderr } = await run(['sreve']);
    expect(code).toBe(64);
    expect(stderr).toContain('Did you mean serve?');
  });

  test.each([
    [['serve', '--nope'], "unknown option '--nope'"],
    [['config', 'extra'], 'too many arguments'],
    [['tail', '--item', 'a b'], 'Not an item id'],
    [['watch'], 'give either --token JWT or --user ID'],
    [['watch', 'http://x', '--token', 'x'], 'must start with ws:// or wss://'],
  ])('%j', async (args, words) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(words);
  });
});

describe('config', () => {
  test('prints every option, where it comes from, and no secret', async () => {
    const cwd = emptyDirectory();
    writeFileSync(join(cwd, '.env'), `WS_PORT=9000\nDB_HOST=db # host\nDB_PASSWORD_FILE=pw\n`);
    writeFileSync(join(cwd, 'pw'), CANARY);
    const { code, stdout, stderr } = await run(['config'], {
      env: { ...GOOD, LOG_LEVEL: 'warn' },
      cwd,
    });
    expect(code).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replace(/ +#/, ' #'));
    expect(lines[0]).toBe(` # env file: ${join(cwd, '.env')}`.trimStart());
    expect(lines).toContain('WS_PORT=9000 # env file');
    expect(lines).toContain('LOG_LEVEL=warn # environment');
    expect(lines).toContain('DB_PORT=3306 # default');
    expect(lines).toContain('JWT_SECRET=(set) # environment');
    expect(lines).toContain('DB_PASSWORD=(set) # DB_PASSWORD_FILE');
    for (const name of Object.keys(OPTIONS)) expect(stdout).toMatch(new RegExp(`^${name}=`, 'm'));
    expect(stdout + stderr).not.toContain(CANARY);
  });

  test('--json is one object of the same', async () => {
    const { stdout } = await run(['config', '--json'], { env: GOOD });
    const shown: unknown = JSON.parse(stdout);
    expect(shown).toMatchObject({ DB_NAME: 'portal', JWT_SECRET: '(set)', SOURCE_PASSWORD: '' });
  });

  test('--check says yes, with its warnings', async () => {
    const { code, stdout, stderr } = await run(['config', '--check'], {
      env: { ...GOOD, WS_PROT: '1' },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'configuration is usable\n' });
    expect(stderr).toBe('gavelcast: warning: WS_PROT is not known; did you mean WS_PORT?\n');
  });
});

describe('wrong configuration: all faults on stderr, nothing on stdout, code 78, no secret', () => {
  const env = {
    DB_PASSWORD: CANARY,
    JWT_SECRET: CANARY.slice(0, 13),
    WS_PORT: 'x',
    DB_PORT: '0',
    MAPPING_FILE: 'none',
  };

  test.each([
    [['serve'], ['DB_PORT', 'DB_NAME', 'DB_USER', 'WS_PORT', 'JWT_SECRET', 'MAPPING_FILE']],
    [['config'], ['DB_PORT', 'DB_NAME', 'DB_USER', 'WS_PORT', 'JWT_SECRET', 'MAPPING_FILE']],
    [
      ['config', '--check'],
      ['DB_PORT', 'DB_NAME', 'DB_USER', 'WS_PORT', 'JWT_SECRET', 'MAPPING_FILE'],
    ],
    [['tail'], ['DB_PORT', 'DB_NAME', 'DB_USER', 'MAPPING_FILE']],
    [['token', '--user', '1'], ['JWT_SECRET']],
    [
      ['watch', '--user', '1'],
      ['WS_PORT', 'JWT_SECRET'],
    ],
    [['watch', '--token', 'x'], ['WS_PORT']],
    [
      ['tail', '--env', 'nowhere'],
      ['/', 'DB_PORT', 'DB_NAME', 'DB_USER', 'MAPPING_FILE'],
    ],
  ])('%j', async (args, names) => {
    const { code, stdout, stderr } = await run(args, { env });
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    const named = stderr.split('\n').flatMap((line) => /^ {2}(\/|[A-Z_]+)/.exec(line)?.[1] ?? []);
    expect(named).toEqual(names);
    expect(stderr.match(/^ {6}fix: \S/gm)).toHaveLength(names.length);
    expect(stderr).not.toContain('kanarienvogel');
  });

  test.each(['serve', 'tail', 'config'])(
    '%s: files that it names are faults too',
    async (command) => {
      const cwd = emptyDirectory();
      writeFileSync(join(cwd, 'mapping.json'), '{"items": {"tabel": "lots"}, "bid": {}}');
      const files = {
        MAPPING_FILE: 'mapping.json',
        SOURCE_TLS: 'verify-ca',
        SOURCE_TLS_CA: 'none.pem',
      };
      const { code, stdout, stderr } = await run([command], { env: { ...GOOD, ...files }, cwd });
      expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
      expect(stderr).toContain('tabel');
      expect(stderr).toContain('"bid"');
      expect(stderr).toContain('SOURCE_TLS_CA names a file that cannot be read (ENOENT)');
      expect(stderr).not.toContain(CANARY);
    },
  );

  test('what may explain a fault is told with it: a slip of the finger, a value cut short', async () => {
    const cwd = emptyDirectory();
    const lines = ['DB_NAMME=portal', 'DB_USER=api', `JWT_SECRET=kanari#${CANARY}`];
    writeFileSync(join(cwd, '.env'), lines.join('\n'));
    const { code, stderr } = await run(['serve'], { cwd });
    expect(code).toBe(78);
    expect(stderr).toContain('DB_NAMME is not known; did you mean DB_NAME?');
    expect(stderr).toContain("JWT_SECRET is cut at its '#'");
    expect(stderr).toContain('JWT_SECRET has fewer than 32 bytes');
    expect(stderr).not.toContain('kanari');
  });
});

test('WS_ENABLED=false: serve says so and is done, however incomplete the rest', async () => {
  const outcome = await run(['serve'], { env: { WS_ENABLED: 'false' } });
  expect(outcome).toEqual({
    code: 0,
    stdout: 'gavelcast: WS_ENABLED is false: nothing to serve\n',
    stderr: '',
  });
});
