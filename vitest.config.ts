import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import type { TestProjectInlineConfiguration } from 'vitest/config';

type ProjectConfig = NonNullable<TestProjectInlineConfiguration['test']>;

const FOREIGN = ['**/node_modules/**', '**/dist/**'];
/** Attacks have a project of their own, whatever else they need. */
const EXCLUDE = [...FOREIGN, 'test/**/*.security.test.ts'];

/** Each database suite runs a server of its own; more than two at once only make each other slow on small machines. */
const DATABASE_WORKERS = Math.max(1, Math.min(2, availableParallelism() - 1));

const databaseSuite: ProjectConfig = {
  globalSetup: ['test/support/database-setup.ts'],
  maxWorkers: DATABASE_WORKERS,
  exclude: EXCLUDE,
  testTimeout: 60_000,
  hookTimeout: 180_000,
};

export default defineConfig({
  test: {
    retry: 0,
    passWithNoTests: false,
    coverage: { include: ['src/**', 'cdc/**', 'server/**', 'client/**'] },
    projects: [
      {
        test: {
          name: 'unit',
          // More than a wait's own deadline, which says what was waited for.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          include: ['test/**/*.test.ts'],
          exclude: [
            ...EXCLUDE,
            'test/**/*.db.test.ts',
            'test/**/*.e2e.test.ts',
            'test/**/*.deploy.test.ts',
            'test/**/*.faults.test.ts',
            'test/guards/**',
          ],
        },
      },
      {
        test: {
          name: 'guards',
          include: ['test/guards/**/*.test.ts'],
          exclude: EXCLUDE,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          ...databaseSuite,
          name: 'security',
          include: ['test/**/*.security.test.ts'],
          exclude: FOREIGN,
        },
      },
      { test: { ...databaseSuite, name: 'db', include: ['test/**/*.db.test.ts'] } },
      { test: { ...databaseSuite, name: 'e2e', include: ['test/**/*.e2e.test.ts'] } },
      {
        test: {
          ...databaseSuite,
          name: 'faults',
          include: ['test/**/*.faults.test.ts'],
          // Times to recover are measured, and every scenario runs two servers' worth of processes.
          maxWorkers: 1,
          testTimeout: process.env['GAVELCAST_FAULTS'] === 'all' ? 900_000 : 240_000,
        },
      },
      {
        test: {
          ...databaseSuite,
          name: 'deploy',
          include: ['test/**/*.deploy.test.ts'],
          // They wait more than they compute.
          maxWorkers: 2,
        },
      },
    ],
  },
});
