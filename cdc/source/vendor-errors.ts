/**
 * What a database or driver error means for us. By errno first; by text only where one errno means several things
 * (1236 on both servers, 4052 on MariaDB). The texts are pinned by `test/cdc/binlog/binlog-tail.db.test.ts`.
 */
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';

/** The fields of a mysql2 error that are read; anything else classifies as a lost connection. */
interface VendorError {
  readonly message: string;
  readonly errno: number | null;
  readonly code: string | null;
}

const ACCESS_DENIED = new Set([
  1044, // ER_DBACCESS_DENIED_ERROR
  1045, // ER_ACCESS_DENIED_ERROR
  1130, // ER_HOST_NOT_PRIVILEGED
  1142, // ER_TABLEACCESS_DENIED_ERROR
  1143, // ER_COLUMNACCESS_DENIED_ERROR
  1227, // ER_SPECIFIC_ACCESS_DENIED_ERROR
  1251, // ER_NOT_SUPPORTED_AUTH_MODE
  1698, // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
  1820, // ER_MUST_CHANGE_PASSWORD
  1862, // ER_MUST_CHANGE_PASSWORD_LOGIN
  3118, // ER_ACCOUNT_HAS_BEEN_LOCKED
  4151, // ER_ACCOUNT_HAS_BEEN_LOCKED of MariaDB
]);

/** The dump was refused or broken off with a text that says why. */
const DUMP_REFUSED = 1236;
/** MariaDB's own number for a replica that took our server id. */
const REPLICA_SAME_ID = 4052;

/** Errors that mean the server cannot serve a binlog at all, until somebody configures it. */
const UNSUITABLE = new Set([
  1381, // ER_NO_BINARY_LOGGING
]);

/** MariaDB gives GTID positions it cannot serve their own numbers. */
const POSITION_LOST = new Set([
  1789, // ER_MASTER_HAS_PURGED_REQUIRED_GTIDS
  1945, // ER_GTID_POSITION_NOT_FOUND_IN_BINLOG
  1955, // ER_GTID_POSITION_NOT_FOUND_IN_BINLOG2
  10027, // ER_SERVER_SOURCE_HAS_PURGED_REQUIRED_GTIDS
]);

const SAME_ID_TEXT = /same server_uuid\/server_id|same server_id|same server_uuid/i;
/** 1236 for reasons that a reconnect mends: the server is going down, or ran out of memory for a moment. */
const PASSING_TEXT = /shutdown|killed|net_write_timeout|failed on my_net_write|memory allocation/i;
/** Refusals about the size or the checksum of what is to be sent: nothing is lost, the server must be set right. */
const UNSUITABLE_TEXT =
  /max_allowed_packet|can not handle replication events|binary log is not open/i;

/** Turns any error of the driver or of zongji into one of ours; an `AppError` passes through. */
export function classifySourceError(error: unknown, fallback: ErrorCode): AppError {
  if (error instanceof AppError) return error;
  const vendor = readVendorError(error);
  const code = codeOf(vendor) ?? fallback;
  return new AppError(
    code,
    `${PREFIX[code] ?? 'the database connection failed'}: ${vendor.message}`,
    {
      cause: error,
    },
  );
}

const PREFIX: Partial<Record<ErrorCode, string>> = {
  SOURCE_ACCESS_DENIED: 'the database refuses this account',
  SERVER_ID_CONFLICT: 'another client reads the binlog with our server id',
  BINLOG_POSITION_LOST: 'the server cannot continue from our position',
  SOURCE_UNREACHABLE: 'the database cannot be reached',
  SOURCE_DISCONNECTED: 'the binlog connection ended',
  SOURCE_UNSUITABLE: 'the server cannot serve its binlog to us',
};

function codeOf({ errno, message }: VendorError): ErrorCode | null {
  if (errno === null) return null;
  if (ACCESS_DENIED.has(errno)) return 'SOURCE_ACCESS_DENIED';
  if (POSITION_LOST.has(errno)) return 'BINLOG_POSITION_LOST';
  if (UNSUITABLE.has(errno)) return 'SOURCE_UNSUITABLE';
  if (errno === REPLICA_SAME_ID) return 'SERVER_ID_CONFLICT';
  if (errno !== DUMP_REFUSED) return null;
  if (SAME_ID_TEXT.test(message)) return 'SERVER_ID_CONFLICT';
  if (PASSING_TEXT.test(message)) return 'SOURCE_DISCONNECTED';
  return UNSUITABLE_TEXT.test(message) ? 'SOURCE_UNSUITABLE' : 'BINLOG_POSITION_LOST';
}

function readVendorError(error: unknown): VendorError {
  if (!(error instanceof Error)) return { message: String(error), errno: null, code: null };
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return { message: error.message === '' ? (code ?? error.name) : error.message, errno, code };
}
