/**
 * The shipped Prometheus files and the Grafana dashboard: checked by `promtool`, and run by a real Prometheus that scrapes
 * a real server with clients on it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { z } from 'zod';

import { METRICS } from '../../src/metrics.ts';
import { AuctionClient, mintToken } from '../support/auction-client.ts';
import { freePort } from '../support/free-port.ts';
import { PROJECT_ROOT } from '../support/gavelcast-process.ts';
import { until } from '../support/until.ts';
import { SCENARIOS } from './support/alert-scenarios.ts';
import {
  requiredProgram,
  startProgram,
  type BackgroundProgram,
} from './support/background-program.ts';
import { deploy, type Deployment } from './support/deployment.ts';
import { shippedFile } from './support/shipped-file.ts';

const FILES = join(PROJECT_ROOT, 'deploy/prometheus');

const RULES = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.object({ severity: z.enum(['critical', 'warning']) }),
          annotations: z.object({ summary: z.string().min(10), runbook: z.string() }),
        }),
      ),
    }),
  ),
});
const alerts = RULES.parse(parse(shippedFile('deploy/prometheus/alerts.yml'))).groups.flatMap(
  ({ rules }) => rules,
);

const DASHBOARD = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      gridPos: z.object({ x: z.number(), y: z.number(), w: z.number(), h: z.number() }),
      targets: z.array(z.object({ expr: z.string() })).min(1),
    }),
  ),
});
const { panels } = DASHBOARD.parse(JSON.parse(shippedFile('deploy/grafana/gavelcast.json')));

function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'gavelcast-prometheus-'));
}

describe('checked', () => {
  test('promtool accepts the configuration and the rules', () => {
    const promtool = requiredProgram('promtool');
    execFileSync(promtool, ['check', 'config', join(FILES, 'prometheus.yml')], { stdio: 'pipe' });
    const output = execFileSync(promtool, ['check', 'rules', join(FILES, 'alerts.yml')], {
      encoding: 'utf8',
    });
    expect(output).toContain(`${alerts.length} rules found`);
  });

  test('every alert names a section that says what it means, what to check and what cures it', () => {
    const page = readFileSync(join(PROJECT_ROOT, 'docs/metrics.md'), 'utf8');
    const sections = new Map(
      page
        .split(/^### /m)
        .slice(1)
        .map((section) => [section.split('\n')[0] ?? '', section]),
    );
    expect([...sections.keys()].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    for (const { alert, annotations } of alerts) {
      expect(annotations.runbook).toBe(`docs/metrics.md#${alert.toLowerCase()}`);
      for (const word of ['Means', 'Check', 'Cure']) {
        expect(sections.get(alert), alert).toContain(`- **${word}**: `);
      }
    }
  });

  test('alerts and dashboard name metrics of the catalogue only, and the job of the scrape', () => {
    const expressions = [...alerts, ...panels.flatMap(({ targets }) => targets)].map(
      ({ expr }) => expr,
    );
    for (const expression of expressions) {
      for (const [name] of expression.matchAll(/gavelcast_[a-z_]+/g)) {
        expect(Object.keys(METRICS)).toContain(name.replace(/_bucket$/, ''));
      }
    }
    expect(shippedFile('deploy/prometheus/prometheus.yml')).toContain('job_name: gavelcast\n');
  });

  test('panels of the dashboard do not lie on one another', () => {
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          const cell = `${x},${y}`;
          expect(taken.has(cell), title).toBe(false);
          taken.add(cell);
        }
      }
    }
  });
});

describe('alerts', () => {
  test('each has a scenario', () => {
    expect(Object.keys(SCENARIOS).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test.each(Object.entries(SCENARIOS))(
    '%s fires when it should and not otherwise',
    (alert, { fires, quiet }) => {
      const directory = temporaryDirectory();
      onTestFinished(() => {
        rmSync(directory, { recursive: true });
      });
      for (const [series, isFiring] of [
        [fires, true],
        [quiet, false],
      ] as const) {
        // The rule alone, as a query over `ALERTS`: its texts may hold numbers that are of no interest here.
        const file = join(directory, 'test.yml');
        const condition = `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`;
        const spec = {
          rule_files: [join(FILES, 'alerts.yml')],
          evaluation_interval: '1m',
          tests: [
            {
              interval: '1m',
              input_series: Object.entries(series).map(([name, values]) => ({
                series: name,
                values,
              })),
              promql_expr_test: [
                {
                  expr: condition,
                  eval_time: '29m',
                  exp_samples: [{ labels: '{}', value: isFiring ? 1 : 0 }],
                },
              ],
            },
          ],
        };
        writeFileSync(file, stringify(spec));
        const check = (): string =>
          execFileSync(requiredProgram('promtool'), ['test', 'rules', file], {
            encoding: 'utf8',
            stdio: 'pipe',
          });
        expect(check(), isFiring ? 'must fire' : 'must keep quiet').toContain('SUCCESS');
      }
    },
  );
});

describe('a real Prometheus beside a real server', () => {
  const home = temporaryDirectory();
  let deployment: Deployment;
  let prometheus: BackgroundProgram;
  let api: string;

  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${api}${path}`);
    return response.json();
  };
  const RESULT = z.object({
    status: z.literal('success'),
    data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
  });
  const query = async (expression: string): Promise<readonly string[]> => {
    const answer = await ask(`/query?query=${encodeURIComponent(expression)}`);
    const parsed = RESULT.safeParse(answer);
    if (!parsed.success) throw new Error(`${expression}: ${JSON.stringify(answer)}`);
    return parsed.data.data.result.map(({ value }) => value[1]);
  };

  beforeAll(async () => {
    const adminPort = await freePort();
    deployment = await deploy({ ADMIN_PORT: String(adminPort) });
    const port = await freePort();
    api = `http://127.0.0.1:${port}/api/v1`;
    const config = shippedFile('deploy/prometheus/prometheus.yml', [
      ['127.0.0.1:8081', `127.0.0.1:${adminPort}`],
      ['15s', '1s'],
    ]);
    writeFileSync(join(home, 'prometheus.yml'), config);
    writeFileSync(join(home, 'alerts.yml'), shippedFile('deploy/prometheus/alerts.yml'));
    prometheus = startProgram('prometheus', [
      `--config.file=${join(home, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(home, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await until(async () => (await query('up').catch(() => []))[0] === '1', {
      withinMs: 60_000,
      what: () => `the first scrape:\n${prometheus.output()}`,
    });
  });
  afterAll(async () => {
    await prometheus.stop();
    await deployment.stop();
    rmSync(home, { recursive: true, force: true });
  });

  test('counters that an alert asks for begin at 0, so that the first count is an increase', async () => {
    for (const series of [
      'gavelcast_log_lines_total{level="error"}',
      'gavelcast_log_lines_total{level="fatal"}',
      'gavelcast_connections_closed_total{code="4002"}',
    ]) {
      expect(await query(series), series).toEqual(['0']);
    }
    for (const series of [
      'process_open_fds',
      'process_max_fds',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect(await query(`${series}{job="gavelcast"}`), series).toHaveLength(1);
    }
  });

  test('sees what happens: a client, its token refused, bids, a connection to the database lost', async () => {
    const { gavelcast, stage } = deployment;
    const userId = await deployment.newUser();
    const itemId = await deployment.newItem();
    const client = await AuctionClient.connect(gavelcast.url, { userId, v2: true });
    await client.subscribe(itemId);
    const token = mintToken(userId, { secret: 'another-secret-that-is-long-enough-as-well' });
    const refused = await AuctionClient.connect(gavelcast.url, { userId, token });
    await until(() => refused.closeCode === 4500, { what: 'the refusal' });
    await deployment.bid(itemId, userId, '12.00');
    await until(async () => (await query('gavelcast_events_total{type="bid_update"}'))[0] === '1', {
      what: 'the bid in a metric',
    });
    const [dump] = await stage.server.connect().then(async (admin) => {
      const [rows] = await admin.query(
        "SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'",
      );
      for (const row of z.array(z.object({ id: z.number() })).parse(rows)) {
        await admin.query(`KILL ${row.id}`);
      }
      await admin.end();
      return [rows];
    });
    expect(dump).toHaveLength(1);
    await until(async () => (await query('sum(gavelcast_source_retries_total) > 0')).length === 1, {
      withinMs: 20_000,
      what: 'the reconnect in a metric',
    });
    await until(async () => (await query('gavelcast_source_up'))[0] === '1', {
      withinMs: 20_000,
      what: 'the stream to be back',
    });
    expect(await query('gavelcast_connections{protocol="v2"}')).toEqual(['1']);
    expect(await query('gavelcast_connections_closed_total{code="4500"}')).toEqual(['1']);
    expect(await query('gavelcast_authentication_failures_total{reason="signature"}')).toEqual([
      '1',
    ]);
    client.socket.close();
  });

  test('evaluates every rule; none of the critical ones fires', async () => {
    const EVALUATED = z.object({
      data: z.object({
        groups: z.array(
          z.object({
            rules: z.array(
              z.object({
                name: z.string(),
                health: z.string(),
                state: z.string(),
                labels: z.object({ severity: z.string() }),
              }),
            ),
          }),
        ),
      }),
    });
    const rulesNow = async () =>
      EVALUATED.parse(await ask('/rules')).data.groups.flatMap(({ rules }) => rules);
    await until(async () => (await rulesNow()).every(({ health }) => health === 'ok'), {
      withinMs: 20_000,
      what: 'every rule to be evaluated',
    });
    const rules = await rulesNow();
    expect(rules).toHaveLength(alerts.length);
    const criticalNow = async () =>
      (await rulesNow()).filter(({ labels }) => labels.severity === 'critical');
    const states = (await criticalNow()).map(({ state }) => state);
    expect(states.length).toBeGreaterThan(0);
    // The connection that was lost above may have one of them pending; it passes.
    expect(states).not.toContain('firing');
    await until(async () => (await criticalNow()).every(({ state }) => state === 'inactive'), {
      withinMs: 20_000,
      what: 'the critical rules to be inactive',
    });
  });

  test.each(
    panels.flatMap(({ title, targets }) =>
      targets.map(({ expr }, at) => [`${title}, ${at + 1}`, expr] as const),
    ),
  )('the dashboard’s query has an answer: %s', async (_, expression) => {
    const asked = expression.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*');
    await until(async () => (await query(asked)).length > 0, {
      withinMs: 15_000,
      what: `an answer to ${asked}`,
    });
  });

  test('nothing that is scraped holds a token, a name or an amount', async () => {
    const answer = JSON.stringify(await ask('/series?match[]={job="gavelcast"}'));
    expect(answer).toContain('gavelcast_events_total');
    expect(answer).not.toMatch(/eyJ|Bob|Sally|clock"|@|12\.00/);
  });
});
