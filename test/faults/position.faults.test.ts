/**
 * The source cannot go on from where we stand, or is not the one that it was: noticed before anything is published, then
 * the declared resync. Never history as new, never a silent jump. Where a successor has all we have seen, nothing is lost.
 */
import { describe, expect, test } from 'vitest';
import { FLAVOURS, type DatabaseServer, type Flavour } from '../support/database-server.ts';
import { startReplica } from '../support/replica.ts';
import { until } from '../support/until.ts';
import { copyData, putBack } from './data-directory.ts';
import { runScenario, type Rig } from './rig.ts';
import { testByHand } from './suite.ts';

const DURABLE = { sync_binlog: '1', innodb_flush_log_at_trx_commit: '1' };

describe.each(FLAVOURS)('on %s', (flavour) => {
  test('binlogs are purged past our position while we are away', async () => {
    await runScenario({ name: 'binlogs purged past us', flavour, expects: 'reset' }, purgePastUs);
  });

  testByHand('the same, where an operator wants to look first', async () => {
    const env = { ON_POSITION_LOST: 'halt' };
    await runScenario(
      {
        name: 'binlogs purged, ON_POSITION_LOST=halt',
        flavour,
        env,
        expects: { halt: 'BINLOG_POSITION_LOST' },
      },
      purgePastUs,
    );
  });

  testByHand('the log is reset while we are away', async () => {
    await runScenario({ name: 'log reset while away', flavour, expects: 'reset' }, async (rig) => {
      await away(rig);
      await rig.sql(resetStatement(flavour));
      back(rig);
    });
  });

  testByHand(
    'the log is reset while we are away, and has grown past our position since',
    async () => {
      await runScenario(
        { name: 'log reset while away, then longer than before', flavour, expects: 'reset' },
        async (rig) => {
          await away(rig);
          await rig.sql(resetStatement(flavour));
          rig.load.start();
          await rig.load.more(600, 60_000);
          back(rig);
        },
      );
    },
  );

  test('the log is reset under our eyes', async () => {
    await runScenario(
      { name: 'log reset while connected', flavour, expects: 'reset' },
      async (rig) => {
        await rig.load.stop();
        await rig.sql(resetStatement(flavour));
        rig.load.start();
        await rig.load.more(20);
        rig.cured();
      },
    );
  });

  testByHand('an older copy of the data is put back', async () => {
    await runScenario(
      { name: 'restored from an older copy', flavour, variables: DURABLE, expects: 'reset' },
      async (rig) => {
        const copy = await copyData(rig);
        await rig.load.more(100);
        await rig.load.stop();
        await putBack(rig, copy);
        await rig.newEpoch();
        rig.load.start();
        rig.cured();
      },
    );
  });

  test('an older copy is put back, and has grown past our position before we see it', async () => {
    const name = 'restored from an older copy, then longer than before';
    await runScenario({ name, flavour, variables: DURABLE, expects: 'reset' }, async (rig) => {
      const copy = await copyData(rig);
      await rig.load.more(100);
      await away(rig);
      await putBack(rig, copy);
      await rig.newEpoch();
      rig.load.start();
      await rig.load.more(600, 60_000);
      back(rig);
    });
  });

  testByHand(
    'a clone of an older copy, with an identity of its own, has gone its own way',
    async () => {
      const name = 'clone of an older copy with another identity';
      await runScenario({ name, flavour, variables: DURABLE, expects: 'reset' }, async (rig) => {
        const copy = await copyData(rig);
        await rig.load.more(100);
        await away(rig);
        await putBack(rig, copy, { forgetUuid: true });
        if (flavour === 'mariadb') await rig.sql('SET GLOBAL server_id = 2');
        await rig.newEpoch();
        rig.load.start();
        await rig.load.more(600, 60_000);
        back(rig);
      });
    },
  );

  testByHand('a clone that has all we have seen takes over', async () => {
    const name = 'exact clone with another identity';
    await runScenario({ name, flavour, variables: DURABLE, expects: 'delivered' }, async (rig) => {
      rig.proxy.mode('refuse');
      rig.proxy.cut();
      await rig.load.more(100);
      await rig.load.stop();
      await putBack(rig, await copyData(rig), { forgetUuid: true });
      if (flavour === 'mariadb') await rig.sql('SET GLOBAL server_id = 2');
      rig.load.start();
      await rig.load.more(100);
      back(rig);
    });
  });

  test('a replica takes over while we lag: GTID positions go on there', async () => {
    const variables = { gtid_domain_id: '0' };
    await runScenario(
      {
        name: 'failover to a replica, by GTID',
        flavour,
        ...(flavour === 'mariadb' && { variables }),
        expects: 'delivered',
      },
      async (rig) => {
        await failOver(rig, await replicaOf(rig));
      },
    );
  });

  if (flavour === 'mysql') {
    testByHand(
      'a replica takes over where there are no GTIDs: file positions are refused',
      async () => {
        const variables = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
        await runScenario(
          {
            name: 'failover to a replica, by file and position',
            flavour,
            variables,
            expects: 'reset',
          },
          async (rig) => {
            await failOver(rig, await replicaOf(rig, variables));
          },
        );
      },
    );
  }

  testByHand('the log passes from file 999999 to 1000000', async () => {
    await runScenario(
      { name: 'binlog 999999 to 1000000', flavour, expects: 'reset' },
      async (rig) => {
        await away(rig);
        await rig.sql(`${resetStatement(flavour)} TO 999998`);
        // As many transactions as we have seen, and more: their numbers say nothing.
        rig.load.start();
        await rig.load.more(600, 60_000);
        back(rig);
        await rig.untilReady();
        for (let i = 0; i < 3; i += 1) {
          await rig.load.more(30);
          await rig.sql('FLUSH BINARY LOGS');
        }
        const [last] = (await rig.rows('SHOW BINARY LOGS')).slice(-1);
        expect(String(last?.['Log_name'])).toContain('1000001');
        rig.proxy.cut();
        await rig.load.more(30);
        rig.cured();
      },
    );
  });
});

/** Cuts us off and lets the load end. */
async function away(rig: Rig): Promise<void> {
  rig.proxy.mode('refuse');
  rig.proxy.cut();
  await rig.load.stop();
}

function back(rig: Rig): void {
  rig.proxy.mode('pass');
  rig.cured();
}

function resetStatement(flavour: Flavour): string {
  return flavour === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER';
}

async function purgePastUs(rig: Rig): Promise<void> {
  rig.proxy.mode('refuse');
  rig.proxy.cut();
  for (let i = 0; i < 2; i += 1) {
    await rig.load.more(50);
    await rig.sql('FLUSH BINARY LOGS');
  }
  const [last] = (await rig.rows('SHOW BINARY LOGS')).slice(-1);
  // Files that the server still sends to a connection it has not found dead stay where they are.
  await until(
    async () => {
      await rig.sql(`PURGE BINARY LOGS TO '${String(last?.['Log_name'])}'`);
      return (await rig.rows('SHOW BINARY LOGS')).length === 1;
    },
    { withinMs: 60_000, everyMs: 200, what: 'the binlogs to be purged' },
  );
  back(rig);
}

/** A replica of the scenario's server, gone with the scenario. */
async function replicaOf(
  rig: Rig,
  variables: Readonly<Record<string, string>> = {},
): Promise<DatabaseServer> {
  const replica = await startReplica(rig.server, variables);
  rig.own(() => replica.stop());
  return replica;
}

/** The replica takes over: we lag behind, it has everything, then writing goes on there. */
async function failOver(rig: Rig, replica: DatabaseServer): Promise<void> {
  rig.proxy.mode('refuse');
  rig.proxy.cut();
  await rig.load.more(100);
  await rig.load.stop();
  const { database } = rig.stage.source;
  const newest = `SELECT MAX(id) AS id, COUNT(*) AS n FROM ${database}.bids`;
  const [wanted] = await rig.rows(newest);
  const sql = await replica.connect();
  await until(
    async () => {
      const rows = await sql.query(newest).then(
        ([found]) => JSON.stringify(found),
        () => '',
      );
      return rows === JSON.stringify([wanted]);
    },
    { withinMs: 60_000, everyMs: 100, what: 'the replica to have everything' },
  );
  const stop = rig.flavour === 'mariadb' ? 'STOP SLAVE' : 'STOP REPLICA';
  await sql.query(stop);
  await sql.end();
  rig.load.moveTo(rig.poolOn(replica));
  rig.proxy.aim(replica.port);
  rig.load.start();
  await rig.load.more(60);
  await rig.reconnect(replica);
  back(rig);
}
