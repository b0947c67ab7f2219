/**
 * Who may import whom: the direction is cdc → src ← server, and src/main.ts with the commands alone sees both shells.
 * `npm run arch` holds it and makes sure that every module was looked at.
 */
const FOLDERS = '^(src|cdc|server|client|test|bench|demo|deploy|scripts|bin)/';
const WIRING = '^src/(main[.]ts$|commands/)';

/** A rule that a folder imports nothing of ours, and nothing else, but what `to` names. */
function only(name, comment, from, to) {
  return { name, comment, severity: 'error', from: { path: from }, to: { pathNot: to } };
}

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    only('auction-is-pure', 'src/auction imports itself alone.', '^src/auction/', '^src/auction/'),
    only(
      'topics-on-auction',
      'src/topics imports itself and src/auction.',
      '^src/topics/',
      '^src/(topics|auction)/',
    ),
    only(
      'protocol-on-auction',
      'src/protocol imports itself, src/auction and the schema library.',
      '^src/protocol/',
      '^(src/(protocol|auction)|node_modules/zod)/',
    ),
    only(
      'client-on-protocol',
      'The browser SDK has no dependency but src/protocol; its React subpath has React, an optional peer.',
      '^client/',
      '^(client|src/protocol|node_modules/(@types/)?react)/',
    ),
    {
      name: 'src-stays-inside',
      comment: 'src knows neither shell; src/main.ts and the commands wire them.',
      severity: 'error',
      from: { path: '^src/', pathNot: WIRING },
      to: { path: FOLDERS, pathNot: '^src/' },
    },
    {
      name: 'nobody-imports-the-wiring',
      comment: 'Only what runs the whole program imports src/main.ts and the commands.',
      severity: 'error',
      from: { pathNot: [WIRING, '^(bin|test|bench|demo)/'] },
      to: { path: WIRING },
    },
    {
      name: 'cdc-on-src',
      comment: 'The database shell imports src, never the sockets shell.',
      severity: 'error',
      from: { path: '^cdc/' },
      to: { path: FOLDERS, pathNot: '^(cdc|src)/' },
    },
    {
      name: 'server-on-src',
      comment: 'The sockets shell imports src, never the database shell.',
      severity: 'error',
      from: { path: '^server/' },
      to: { path: FOLDERS, pathNot: '^(server|src)/' },
    },
    {
      name: 'nobody-imports-test-bench-demo-deploy',
      comment: 'Only tests import tests, and each of these folders only itself.',
      severity: 'error',
      from: { path: '^([^/]+)/', pathNot: '^test/' },
      to: {
        path: '^(test|bench|demo|deploy|scripts)/',
        pathNot: ['^$1/', '^test/support/', '^test/[a-z]+/support/'],
      },
    },
    {
      name: 'test-support-for-bench-and-demo',
      comment: 'Beside tests, only benchmarks, the demo and the scripts start private servers.',
      severity: 'error',
      from: { pathNot: '^(test|bench|demo|scripts)/' },
      to: { path: '^test/' },
    },
    {
      name: 'vendors-stay-in-cdc',
      comment: 'Database drivers are known to the database shell alone.',
      severity: 'error',
      from: { path: '^(src|server|client)/' },
      to: { path: 'node_modules/(@vlasky/zongji|@vlasky/mysql|mysql2)/' },
    },
    {
      name: 'vendors-stay-in-server',
      comment: 'WebSockets are known to the sockets shell, and to the terminal client.',
      severity: 'error',
      from: { path: '^(src|cdc|client)/', pathNot: '^src/commands/' },
      to: { path: 'node_modules/(ws|@types/ws)/' },
    },
    {
      name: 'no-development-dependencies',
      comment: 'What is published needs only dependencies.',
      severity: 'error',
      from: { path: '^(src|cdc|server|client)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only', 'npm', 'npm-peer'] },
    },
    {
      name: 'no-cycles',
      comment: 'No module reaches itself.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
