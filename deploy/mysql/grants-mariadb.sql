-- The account of Gavelcast on MariaDB: it reads the portal's tables and the binlog, and can change nothing.
--
--   mariadb < grants-mariadb.sql      after putting in the host it connects from, a password, and the database's name

CREATE USER 'gavelcast'@'127.0.0.1' IDENTIFIED BY 'put-a-password-here';
GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'gavelcast'@'127.0.0.1';
GRANT SELECT ON auction_portal.* TO 'gavelcast'@'127.0.0.1';

-- Where this server is a replica: lets Gavelcast notice when it stops replicating. Nothing fails without it.
-- GRANT REPLICA MONITOR ON *.* TO 'gavelcast'@'127.0.0.1';

-- Narrower, instead of the last line: only the tables that it reads.
-- GRANT SELECT ON auction_portal.items TO 'gavelcast'@'127.0.0.1';
-- GRANT SELECT ON auction_portal.bids TO 'gavelcast'@'127.0.0.1';
-- GRANT SELECT ON auction_portal.users TO 'gavelcast'@'127.0.0.1';
-- GRANT SELECT ON auction_portal.watchlist TO 'gavelcast'@'127.0.0.1';
