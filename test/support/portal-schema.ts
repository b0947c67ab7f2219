/**
 * The fixture portal's tables, in the shapes that portals in the field have. Columns that mean nothing to Gavelcast, and
 * private ones, are there as they are in the field: they must not disturb anything.
 *
 * - `A`: the portal's migrations.
 * - `B`: its production schema: unsigned keys, drafts, TIMESTAMP times, a trigger on bids.
 * - `B-bare`: B without `highest_bidder_id`, `reserve_price` and `reserve_met`.
 * - `C`: older installs: A with primary keys named after their table.
 */
import type { Connection } from 'mysql2/promise';

export type PortalShape = 'A' | 'B' | 'B-bare' | 'C';

export const PORTAL_SHAPES: readonly PortalShape[] = ['A', 'B', 'B-bare', 'C'];

/** What differs between shapes for somebody who writes to the tables. */
export interface PortalNames {
  readonly itemKey: 'id' | 'item_id';
  readonly userKey: 'id' | 'user_id';
  readonly bidKey: 'id' | 'bid_id';
  readonly passwordColumn: 'password_hash' | 'password';
  readonly hasHighestBidder: boolean;
  readonly hasReserve: boolean;
  /** `max_bid`, `is_winning` and `is_automatic` on bids. */
  readonly hasProxyBids: boolean;
  /** Status words: an auction that ended with a leader, one without bids, one that an admin called off. */
  readonly words: {
    readonly won: string;
    readonly withoutBids: string;
    readonly cancelled: string;
  };
}

const NAMES_A: PortalNames = {
  itemKey: 'id',
  userKey: 'id',
  bidKey: 'id',
  passwordColumn: 'password_hash',
  hasHighestBidder: true,
  hasReserve: true,
  hasProxyBids: false,
  // This schema has no word for a cancelled auction: admins let it expire.
  words: { won: 'completed', withoutBids: 'expired', cancelled: 'expired' },
};

const NAMES_B: PortalNames = {
  ...NAMES_A,
  passwordColumn: 'password',
  hasProxyBids: true,
  words: { won: 'sold', withoutBids: 'ended', cancelled: 'cancelled' },
};

export const PORTAL_NAMES: Readonly<Record<PortalShape, PortalNames>> = {
  A: NAMES_A,
  B: NAMES_B,
  'B-bare': { ...NAMES_B, hasHighestBidder: false, hasReserve: false },
  C: { ...NAMES_A, itemKey: 'item_id', userKey: 'user_id', bidKey: 'bid_id' },
};

/** Creates the tables of one shape in the connection's database, which must be empty. */
export async function createPortalTables(
  connection: Connection,
  shape: PortalShape,
): Promise<void> {
  for (const statement of portalStatements(shape)) await connection.query(statement);
}

/** The statements that create the tables of one shape, in order. */
function portalStatements(shape: PortalShape): readonly string[] {
  const tables = shape === 'A' || shape === 'C' ? migrationTables(shape) : productionTables(shape);
  return [...tables, watchlistTable(shape), EVENTS_TABLE];
}

const CREATED_AND_UPDATED = `
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP`;

/** Newer builds of the portal queue events here for a poller of their own. */
const EVENTS_TABLE = `CREATE TABLE events (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  type VARCHAR(50) NOT NULL,
  item_id BIGINT NULL,
  payload JSON NULL,
  status ENUM('pending','processed','failed') NOT NULL DEFAULT 'pending',
  created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  KEY events_status (status)
)`;

function migrationTables(shape: 'A' | 'C'): readonly string[] {
  const { itemKey, userKey, bidKey } = PORTAL_NAMES[shape];
  return [
    `CREATE TABLE users (
      ${userKey} INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      email VARCHAR(255) NOT NULL,
      password_hash VARCHAR(255) NOT NULL,
      name VARCHAR(255) NOT NULL,
      role ENUM('buyer','seller','admin') NOT NULL DEFAULT 'buyer',
      status ENUM('active','suspended','banned') NOT NULL DEFAULT 'active',
      suspended_until TIMESTAMP NULL DEFAULT NULL,${CREATED_AND_UPDATED},
      UNIQUE KEY users_email (email)
    )`,
    `CREATE TABLE items (
      ${itemKey} INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      title VARCHAR(255) NOT NULL,
      description TEXT NOT NULL,
      starting_price DECIMAL(10,2) NOT NULL,
      current_price DECIMAL(10,2) NOT NULL,
      end_time DATETIME NOT NULL,
      seller_id INT NOT NULL,
      highest_bidder_id INT NULL,
      status ENUM('active','completed','expired') NOT NULL DEFAULT 'active',
      reserve_price DECIMAL(10,2) NULL,
      commission_rate DECIMAL(5,4) NOT NULL DEFAULT 0.0500,
      reserve_met TINYINT(1) NOT NULL DEFAULT 0,${CREATED_AND_UPDATED},
      KEY items_status_end_time (status, end_time),
      FOREIGN KEY (seller_id) REFERENCES users (${userKey}),
      FOREIGN KEY (highest_bidder_id) REFERENCES users (${userKey})
    )`,
    `CREATE TABLE bids (
      ${bidKey} INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
      item_id INT NOT NULL,
      bidder_id INT NOT NULL,
      amount DECIMAL(10,2) NOT NULL,
      timestamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,${CREATED_AND_UPDATED},
      KEY bids_item (item_id, amount),
      FOREIGN KEY (item_id) REFERENCES items (${itemKey}),
      FOREIGN KEY (bidder_id) REFERENCES users (${userKey})
    )`,
  ];
}

function productionTables(shape: 'B' | 'B-bare'): readonly string[] {
  const { hasHighestBidder, hasReserve } = PORTAL_NAMES[shape];
  const highestBidder = hasHighestBidder ? 'highest_bidder_id INT UNSIGNED NULL,' : '';
  const reserve = hasReserve
    ? `reserve_price DECIMAL(12,2) NULL,
      reserve_met TINYINT(1) NOT NULL DEFAULT 0,`
    : '';
  return [
    `CREATE TABLE users (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
      email VARCHAR(255) NOT NULL,
      password VARCHAR(255) NOT NULL,
      name VARCHAR(255) NOT NULL,
      role ENUM('buyer','seller','admin') NOT NULL DEFAULT 'buyer',
      status ENUM('active','suspended','banned') NOT NULL DEFAULT 'active',
      suspended_until TIMESTAMP NULL DEFAULT NULL,${CREATED_AND_UPDATED},
      UNIQUE KEY users_email (email)
    )`,
    `CREATE TABLE items (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
      seller_id INT UNSIGNED NOT NULL,
      title VARCHAR(255) NOT NULL,
      description TEXT NOT NULL,
      starting_price DECIMAL(12,2) NOT NULL,
      ${reserve}
      current_price DECIMAL(12,2) NOT NULL,
      ${highestBidder}
      bid_count INT UNSIGNED NOT NULL DEFAULT 0,
      commission_rate DECIMAL(5,4) NOT NULL DEFAULT 0.0500,
      start_time TIMESTAMP NULL DEFAULT NULL,
      end_time TIMESTAMP NULL DEFAULT NULL,
      status ENUM('draft','pending','active','ended','sold','cancelled') NOT NULL DEFAULT 'draft',${CREATED_AND_UPDATED},
      KEY items_status_end_time (status, end_time),
      FOREIGN KEY (seller_id) REFERENCES users (id)
    )`,
    `CREATE TABLE bids (
      id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
      item_id INT UNSIGNED NOT NULL,
      bidder_id INT UNSIGNED NOT NULL,
      amount DECIMAL(12,2) NOT NULL,
      max_bid DECIMAL(12,2) NULL,
      is_winning TINYINT(1) NOT NULL DEFAULT 0,
      is_automatic TINYINT(1) NOT NULL DEFAULT 0,
      created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
      KEY bids_item (item_id, amount),
      FOREIGN KEY (item_id) REFERENCES items (id),
      FOREIGN KEY (bidder_id) REFERENCES users (id)
    )`,
    `CREATE TRIGGER bids_after_insert AFTER INSERT ON bids FOR EACH ROW
      UPDATE items SET bid_count = bid_count + 1 WHERE id = NEW.item_id`,
  ];
}

function watchlistTable(shape: PortalShape): string {
  const { itemKey, userKey } = PORTAL_NAMES[shape];
  const key = shape === 'B' || shape === 'B-bare' ? 'INT UNSIGNED' : 'INT';
  return `CREATE TABLE watchlist (
    user_id ${key} NOT NULL,
    item_id ${key} NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (user_id, item_id),
    FOREIGN KEY (user_id) REFERENCES users (${userKey}),
    FOREIGN KEY (item_id) REFERENCES items (${itemKey})
  )`;
}
