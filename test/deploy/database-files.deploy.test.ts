/**
 * The shipped server settings and grants, on both flavours: a server that runs with the settings, and Gavelcast with the account.
 * In place of the shipped text: the account's password and the database's name.
 */
import { expect, describe, onTestFinished, test } from 'vitest';

import { AuctionClient } from '../support/auction-client.ts';
import { FLAVOURS } from '../support/database-server.ts';
import { startGavelcast } from '../support/gavelcast-process.ts';
import { setStage } from '../support/stage.ts';
import { auctionsOf } from './support/deployment.ts';
import { shippedFile } from './support/shipped-file.ts';

const PASSWORD = 'a-password-of-this-test';

/** The settings of a `my.cnf`, as options of the server program. */
function settingsIn(text: string): Record<string, string> {
  const settings = [...text.matchAll(/^(\w+) *= *(\S+)$/gm)];
  return Object.fromEntries(settings.map(([, name = '', value = '']) => [name, value]));
}

describe.each(FLAVOURS)('on %s', (flavour) => {
  test('the settings start a server, and the account is enough for Gavelcast', async () => {
    const variables = settingsIn(shippedFile(`deploy/mysql/${flavour}.cnf`));
    expect(variables).toMatchObject({ binlog_format: 'ROW', binlog_row_metadata: 'FULL' });
    const stage = await setStage(flavour, { variables });
    onTestFinished(() => stage.stop());
    const { database, host, port } = stage.source;

    const grants = shippedFile(`deploy/mysql/grants-${flavour}.sql`, [
      ['put-a-password-here', PASSWORD],
      ['auction_portal', database],
    ]);
    const statements = grants.replaceAll(/^--.*$/gm, '').split(';');
    const admin = await stage.server.connect();
    for (const statement of statements.filter((it) => it.trim() !== '')) {
      await admin.query(statement);
    }
    const shown = await admin.query("SHOW VARIABLES LIKE 'binlog_row_metadata'");
    expect(shown).toMatchObject([[{ Value: 'FULL' }], {}]);
    await admin.end();

    const account = { user: 'gavelcast', password: PASSWORD };
    const gavelcast = await startGavelcast({ host, port, database, ...account });
    onTestFinished(() => void gavelcast.stop());
    expect(gavelcast.output()).not.toMatch(/"level":"(warn|error)"/);
    const auctions = auctionsOf(stage);
    const itemId = await auctions.newItem();
    const userId = await auctions.newUser();
    const client = await AuctionClient.connect(gavelcast.url, { userId });
    await client.subscribe(itemId);
    await auctions.bid(itemId, userId, '12.50');
    expect(await client.next('bid_update')).toMatchObject({ itemId, bidAmount: 12.5 });
    await client.close();
    expect(await gavelcast.stop()).toBe(0);
  });
});
