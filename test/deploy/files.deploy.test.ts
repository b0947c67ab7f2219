/** What can be said about shipped files without running them: shell scripts, firewall files, containers, manifests. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { validate, ValidationSeverity } from 'dockerfile-utils';
import { expect, onTestFinished, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { requiredProgram } from './support/background-program.ts';
import { shippedFile } from './support/shipped-file.ts';

interface Verdict {
  readonly code: number | null;
  readonly output: string;
}

function check(program: string, args: readonly string[], input = ''): Verdict {
  const options = { cwd: PROJECT_ROOT, encoding: 'utf8', input } as const;
  const { status, stdout, stderr } = spawnSync(requiredProgram(program), args, options);
  return { code: status, output: stdout + stderr };
}

function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'gavelcast-files-'));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

test.each(['deploy/background/auction-websocket', 'deploy/monitor/auction-websocket-monitor'])(
  'shellcheck has nothing to say about %s',
  (path) => {
    expect(check('shellcheck', [path])).toEqual({ code: 0, output: '' });
  },
);

test('nft accepts the ruleset', () => {
  expect(check('nft', ['--check', '--file', 'deploy/firewall/nftables.nft'])).toEqual({
    code: 0,
    output: '',
  });
});

test('iptables-restore accepts the rules', () => {
  const rules = shippedFile('deploy/firewall/iptables.rules');
  expect(check('iptables-restore', ['--test', '--noflush'], rules)).toMatchObject({ code: 0 });
  const v6 = rules.replaceAll(/^.*10\.0\.0\.0\/8.*$/gm, '');
  expect(check('ip6tables-restore', ['--test', '--noflush'], v6)).toMatchObject({ code: 0 });
});

test('the service of firewalld is well-formed XML', () => {
  const file = 'deploy/firewall/firewalld-auction-websocket.xml';
  expect(check('xmllint', ['--noout', file])).toEqual({ code: 0, output: '' });
});

test('ufw reads the profiles', () => {
  const root = temporaryDirectory();
  for (const part of ['etc/ufw', 'etc/default', 'lib/ufw']) {
    cpSync(join('/', part), join(root, part), { recursive: true });
  }
  const profiles = join(root, 'etc/ufw/applications.d/auction-websocket');
  writeFileSync(profiles, shippedFile('deploy/firewall/ufw-auction-websocket'));
  const info = (name: string): string =>
    check('ufw', [`--rootdir=${root}`, `--datadir=${root}`, 'app', 'info', name]).output;
  expect(info('Auction WebSocket')).toMatch(/Port:\n +8080\/tcp/);
  expect(info('Auction WebSocket TLS')).toMatch(/Port:\n +443\/tcp/);
});

test('the linter of Dockerfiles finds nothing', () => {
  const text = shippedFile('deploy/docker/Dockerfile');
  expect(validate(text, { deprecatedMaintainer: ValidationSeverity.ERROR })).toEqual([]);
});

test("the Dockerfile's own steps build a program that runs, from the files it copies alone", () => {
  const [build = '', final = ''] = shippedFile('deploy/docker/Dockerfile')
    .split(/^FROM .*$/m)
    .slice(1);
  const stages = { build: temporaryDirectory(), final: temporaryDirectory() };
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(stages.build, 'node_modules'));
  for (const [, list = ''] of build.matchAll(/^COPY (.*)$/gm)) {
    const names = list.split(' ');
    const target = names.pop() ?? '.';
    for (const name of names) {
      cpSync(join(PROJECT_ROOT, name), join(stages.build, target === './' ? name : target), {
        recursive: true,
      });
    }
  }
  expect(build).toContain('npx tsc -p tsconfig.build.json');
  const tsc = join(PROJECT_ROOT, 'node_modules/.bin/tsc');
  const compiled = spawnSync(tsc, ['-p', 'tsconfig.build.json'], {
    cwd: stages.build,
    encoding: 'utf8',
  });
  expect(compiled.stdout).toBe('');
  for (const [, from = '', to = ''] of final.matchAll(
    /^COPY --from=build \/build\/(\S+) (\S+)$/gm,
  )) {
    const target = join(stages.final, to === './' ? from : to);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(stages.build, from), target, { recursive: true, verbatimSymlinks: true });
  }
  const [, entry = ''] = /ENTRYPOINT \["node", "(.*)"\]/.exec(final) ?? [];
  const run = spawnSync(process.execPath, [entry, '--version'], {
    cwd: stages.final,
    encoding: 'utf8',
  });
  expect(run.stdout + run.stderr).toMatch(/^\d+\.\d+\.\d+\n$/);
}, 180_000);

test('the linter of Compose files finds nothing wrong', () => {
  // An image that is built here and has a name, and the order of keys, are ours to choose.
  const off = ['no-build-and-image', 'service-keys-order', 'services-alphabetical-order'];
  const rules = [...off, 'top-level-properties-order'].flatMap((it) => ['--disable-rule', it]);
  const program = join(PROJECT_ROOT, 'node_modules/.bin/dclint');
  const file = join(PROJECT_ROOT, 'deploy/docker/compose.yaml');
  const run = spawnSync(program, [file, '--max-warnings', '0', ...rules], { encoding: 'utf8' });
  expect((run.stdout + run.stderr).trim()).toBe('');
  expect(run.status).toBe(0);
});

test("every manifest fits Kubernetes' own schema", async () => {
  const documents = parseAllDocuments(shippedFile('deploy/kubernetes/gavelcast.yaml'));
  const kinds: string[] = [];
  for (const document of documents) {
    if ('errors' in document) expect(document.errors).toEqual([]);
    const manifest: unknown = 'toJS' in document ? document.toJS() : null;
    const [apiVersion, kind] = [textOf(manifest, 'apiVersion'), textOf(manifest, 'kind')];
    kinds.push(kind);
    await validateManifest(`kubernetes-models/${apiVersion}/${kind}`, kind, manifest);
  }
  expect(kinds).toEqual([
    'ConfigMap',
    'Secret',
    'Deployment',
    'Service',
    'PodDisruptionBudget',
    'Ingress',
  ]);
});

test('a manifest that does not fit is told', async () => {
  const broken = { spec: { replicas: 'one', selector: {}, template: {} } };
  await expect(
    validateManifest('kubernetes-models/apps/v1/Deployment', 'Deployment', broken),
  ).rejects.toThrow(/replicas must be integer/);
});

/** @throws Error naming the fields that do not fit */
async function validateManifest(module: string, kind: string, manifest: unknown): Promise<void> {
  const models: unknown = await import(module);
  const Model: unknown =
    typeof models === 'object' && models !== null ? Reflect.get(models, kind) : null;
  if (typeof Model !== 'function') throw new Error(`${module} has no ${kind}`);
  const model: unknown = Reflect.construct(Model, [manifest]);
  const method: unknown =
    typeof model === 'object' && model !== null ? Reflect.get(model, 'validate') : null;
  if (typeof method !== 'function') throw new Error(`${kind} cannot be validated`);
  await Reflect.apply(method, model, []);
}

function textOf(manifest: unknown, field: string): string {
  const value: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, field) : null;
  if (typeof value !== 'string') throw new Error(`a manifest without ${field}`);
  return value;
}
