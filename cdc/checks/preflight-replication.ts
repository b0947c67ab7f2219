/**
 * Whether a source that is a replica replicates. Nothing found here keeps us from starting: `serve` goes on asking, and
 * says 503 while it does not.
 */
import { AppError } from '../../src/errors.ts';
import type { DatabasePool } from '../source/database-pool.ts';
import { readReplication, wordsOf } from '../source/replication.ts';
import type { Replication } from '../source/replication.ts';
import type { Check } from './check.ts';
import { grantee } from './preflight-grants.ts';
import type { Account } from './preflight-grants.ts';

const ID = 'replication';

/** Never throws for what a server answers, or for a connection that is lost: whoever needs it next will notice. */
export async function checkReplication(pool: DatabasePool, account: Account): Promise<Check> {
  try {
    return replicationCheck(await readReplication(pool, account.facts.flavour), account);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return {
      id: ID,
      level: 'warning',
      what: `The server could not be asked whether it replicates: ${error.message}.`,
      fix: 'Nothing need be done where it is no replica; else see what the message says.',
    };
  }
}

function replicationCheck(found: Replication, { facts, user }: Account): Check {
  const id = ID;
  const isMariadb = facts.flavour === 'mariadb';
  switch (found.state) {
    case 'none':
      return { id, level: 'ok', what: 'the server is no replica' };
    case 'runs': {
      const hosts = found.channels.map(({ host }) => host).join(', ');
      return { id, level: 'ok', what: `the server is a replica of ${hosts}, and replicates` };
    }
    case 'hidden': {
      if (!found.isLikely) {
        const what =
          'our account may not see whether the server is a replica, and nothing says that it is one';
        return { id, level: 'ok', what };
      }
      const right = isMariadb ? 'REPLICA MONITOR' : 'REPLICATION CLIENT';
      return {
        id,
        level: 'warning',
        what: `The server is a replica, and our account may not see whether it replicates: once it stops, clients hear nothing new and nobody is told.`,
        fix: `GRANT ${right} ON *.* TO ${grantee(user)};`,
      };
    }
    case 'stopped': {
      const status = isMariadb ? 'SHOW ALL SLAVES STATUS' : 'SHOW REPLICA STATUS';
      const [start, forget] = isMariadb
        ? ['START ALL SLAVES', 'RESET SLAVE ALL']
        : ['START REPLICA', 'RESET REPLICA ALL'];
      return {
        id,
        level: 'problem',
        what: `Replication has stopped: the server ${found.stopped.map(wordsOf).join('; ')}. Clients hear nothing new.`,
        fix: `Mend what ${status}; says, then ${start}; or, where the server is a primary now: ${forget};`,
      };
    }
  }
}
