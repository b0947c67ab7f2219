/** The examples of docs/client.md, run against the real gateway. */
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { connect, type ConnectOptions, type GavelcastClient } from '../../client/index.ts';
import { bidPlaced, ended, outbid } from '../server/support/events.ts';
import { GatewayHarness, mint } from '../server/support/gateway-harness.ts';
import { until } from '../support/until.ts';
import { examplesOf } from './support/documentation.ts';

test('watching, hearing and counting down as documented', async () => {
  await using harness = await GatewayHarness.start();
  harness.reads.list(1, { price: '10.00', bidCount: 0, endTimeMs: Date.now() + 60_000 });
  const shown: string[] = [];
  const asked: string[] = [];
  const opened: GavelcastClient[] = [];
  const names = {
    connect: (options: ConnectOptions) => {
      const client = connect({ ...options, url: harness.origin });
      opened.push(client);
      return client;
    },
    fetch: (url: string) => {
      asked.push(url);
      return Promise.resolve(new Response(mint({ userId: 1 })));
    },
    show: (text: string) => shown.push(text),
  };
  const [watching = '', hearing = '', counting = ''] = await examplesOf('js');
  const run = (code: string): void => {
    runInNewContext(code.replaceAll(/^import .*$/gm, ''), names);
  };
  try {
    run(`${watching}\n${hearing}\nthis.client = client; this.stop = stop; this.off = off;`);
    await until(() => shown.includes('10, 0 bids') && shown.includes('live (opened)'));
    expect(asked).toEqual(['/api/session/token']);
    harness.publish(bidPlaced(1, 5, '12.00'), outbid(1, 1), ended(1, 5, 900));
    await until(() => shown.includes('sold at 15'));
    expect(shown).toContain('User 5 bids 12');
    expect(shown).toContain('You were outbid on 1: 15');
    run(counting);
    expect(shown.at(-1)).toMatch(/^(60|[1-5]\d) s left at 20\d\d-.*Z$/);
    run('stop(); off();');
    await until(() => harness.gateway.stats().subscriptionsOpen === 0);
  } finally {
    for (const client of opened) client.close();
  }
});
