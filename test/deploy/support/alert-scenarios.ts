/**
 * For each shipped alert: series over time that must set it off, and others, as on a good or a busy day, that must not.
 * In the notation of `promtool test rules`; a sample a minute.
 */
export interface Scenario {
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
}

const GAVELCAST = 'job="gavelcast",instance="a:8081"';
const OF = `{${GAVELCAST}}`;
const having = (labels: string): string => `{${GAVELCAST},${labels}}`;
const closed = `gavelcast_connections_closed_total${having('code="4002"')}`;
const retries = `gavelcast_source_retries_total${having('code="SOURCE_SILENT"')}`;
const refused = `gavelcast_authentication_failures_total${having('reason="signature"')}`;
const expired = `gavelcast_authentication_failures_total${having('reason="expired"')}`;
const bucket = (le: string): string =>
  `gavelcast_commit_to_socket_seconds_bucket${having(`le="${le}"`)}`;
const connections = `gavelcast_connections${having('protocol="v1"')}`;

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  GavelcastDown: { fires: { [`up${OF}`]: '0x30' }, quiet: { [`up${OF}`]: '1x30' } },
  GavelcastHalted: {
    fires: { [`gavelcast_source_state${having('state="halted"')}`]: '0x5 1x25' },
    quiet: { [`gavelcast_source_state${having('state="halted"')}`]: '0x30' },
  },
  GavelcastSourceDown: {
    fires: { [`gavelcast_source_up${OF}`]: '1x5 0x25' },
    quiet: { [`gavelcast_source_up${OF}`]: '1x28 0 1' },
  },
  GavelcastReplicationStopped: {
    fires: { [`gavelcast_source_replication_running${OF}`]: '1x5 0x25' },
    quiet: { [`gavelcast_source_replication_running${OF}`]: '1x28 0 1' },
  },
  GavelcastNoWorkers: {
    fires: { [`gavelcast_workers${OF}`]: '2x5 0x25' },
    quiet: { [`gavelcast_workers${OF}`]: '2x28 0 2' },
  },
  GavelcastWorkersRestarting: {
    fires: { [`gavelcast_worker_restarts_total${having('cause="failed"')}`]: '0+2x30' },
    quiet: {
      [`gavelcast_worker_restarts_total${having('cause="roll"')}`]: '0+8x30',
      [`gavelcast_worker_restarts_total${having('cause="crash"')}`]: '0x25 1x5',
    },
  },
  GavelcastBehind: {
    fires: { [`gavelcast_source_behind_seconds${OF}`]: '0x10 20+60x20' },
    quiet: { [`gavelcast_source_behind_seconds${OF}`]: '0x28 60 0.4' },
  },
  GavelcastSlowDelivery: {
    fires: { [bucket('3')]: '0+10x30', [bucket('10')]: '0+100x30', [bucket('+Inf')]: '0+100x30' },
    quiet: { [bucket('3')]: '0+100x30', [bucket('10')]: '0+102x30', [bucket('+Inf')]: '0+102x30' },
  },
  GavelcastReconnecting: { fires: { [retries]: '0+2x30' }, quiet: { [retries]: '0x15 1x7 2x8' } },
  GavelcastPositionLost: {
    fires: { [`gavelcast_source_positions_lost_total${OF}`]: '0x25 1x5' },
    quiet: { [`gavelcast_source_positions_lost_total${OF}`]: '1x30' },
  },
  GavelcastStatementWrites: {
    fires: { [`gavelcast_source_statement_writes_total${OF}`]: '0x25 4x5' },
    quiet: { [`gavelcast_source_statement_writes_total${OF}`]: '4x30' },
  },
  GavelcastBookDrift: {
    fires: { [`gavelcast_book_drift_total${OF}`]: '0x25 2x5' },
    quiet: { [`gavelcast_book_drift_total${OF}`]: '0x30' },
  },
  GavelcastAuctionsOverdue: {
    fires: { [`gavelcast_auctions_overdue${OF}`]: '0x20 3x10' },
    quiet: { [`gavelcast_auctions_overdue${OF}`]: '0x28 3 0' },
  },
  GavelcastSlowClients: {
    fires: { [closed]: '0+20x30', [connections]: '1000x30' },
    quiet: { [closed]: '0+2x30', [connections]: '1000x30' },
  },
  GavelcastTokensRefused: {
    fires: { [refused]: '0+200x30' },
    quiet: { [refused]: '0+6x30', [expired]: '0+600x30' },
  },
  GavelcastEventLoopSlow: {
    fires: { [`nodejs_eventloop_lag_p99_seconds${OF}`]: '0.8x30' },
    quiet: { [`nodejs_eventloop_lag_p99_seconds${OF}`]: '0.02x28 0.9 0.02' },
  },
  GavelcastFileDescriptors: {
    fires: { [`process_open_fds${OF}`]: '60000x30', [`process_max_fds${OF}`]: '65536x30' },
    quiet: { [`process_open_fds${OF}`]: '30000x30', [`process_max_fds${OF}`]: '65536x30' },
  },
  GavelcastErrors: {
    fires: { [`gavelcast_log_lines_total${having('level="error"')}`]: '0x25 1x5' },
    quiet: {
      [`gavelcast_log_lines_total${having('level="error"')}`]: '1x30',
      [`gavelcast_log_lines_total${having('level="warn"')}`]: '0+5x30',
    },
  },
};
