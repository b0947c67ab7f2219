/**
 * The catalogue of metrics: one table gives each its name, type, labels and help. `/metrics` is made from it, and
 * docs/metrics.md is compared with it by a test.
 *
 * Nearly all of them are pulled: the parts of the program count plain numbers as they work, and a scrape reads them. So
 * the way of an event costs the same whether somebody scrapes or not.
 */

export interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence, with the unit where the name does not say it. */
  readonly help: string;
  /** The one label it has; its values come from a closed set. */
  readonly label?: string;
  /** Upper bounds of a histogram, in the unit of the metric. */
  readonly buckets?: readonly number[];
}

export const METRICS = {
  gavelcast_info: {
    type: 'gauge',
    help: 'Always 1; the label says which version.',
    label: 'version',
  },
  gavelcast_ready: { type: 'gauge', help: '1 while /readyz answers 200.' },
  gavelcast_draining: { type: 'gauge', help: '1 from the moment at which a stop begins.' },

  gavelcast_source_up: {
    type: 'gauge',
    help: '1 while the binlog streams, its last packet is younger than three heartbeat periods, and a source that is a replica replicates.',
  },
  gavelcast_source_state: {
    type: 'gauge',
    help: '1 for the state that the line from the database is in, 0 for the others.',
    label: 'state',
  },
  gavelcast_source_last_packet_seconds: {
    type: 'gauge',
    help: 'Seconds since the last packet of the source, heartbeats included; absent before the first.',
  },
  gavelcast_source_behind_seconds: {
    type: 'gauge',
    help: 'How late what is published is; without a connection, seconds since the last packet. Absent before the first.',
  },
  gavelcast_source_position_age_seconds: {
    type: 'gauge',
    help: 'Age of the last commit that was processed, of any table; absent before the first. Grows while nobody writes.',
  },
  gavelcast_source_clock_offset_seconds: {
    type: 'gauge',
    help: 'Clock of the database minus ours.',
  },
  gavelcast_source_replication_running: {
    type: 'gauge',
    help: '1 while a source that is a replica replicates, 0 once it has stopped; absent where it is none, or our account may not see it.',
  },
  gavelcast_source_queue_bytes: {
    type: 'gauge',
    help: 'Estimated memory of transactions that were read and wait to be translated.',
  },
  gavelcast_source_retries_total: {
    type: 'counter',
    help: 'Connections to the source that ended or could not be made, by error code.',
    label: 'code',
  },
  gavelcast_source_positions_lost_total: {
    type: 'counter',
    help: 'Times the source refused our position and a fresh book was loaded.',
  },
  gavelcast_source_packets_total: { type: 'counter', help: 'Packets read, heartbeats included.' },
  gavelcast_source_row_changes_total: {
    type: 'counter',
    help: 'Row changes of mapped tables that were decoded.',
  },
  gavelcast_source_transactions_total: {
    type: 'counter',
    help: 'Committed transactions that were processed, with events or without.',
  },
  gavelcast_source_statement_writes_total: {
    type: 'counter',
    help: 'Statements logged as text that name a mapped table: writes that no client was told of.',
  },

  gavelcast_translate_seconds_total: {
    type: 'counter',
    help: 'Time spent turning row changes into events.',
  },
  gavelcast_publish_seconds_total: {
    type: 'counter',
    help: 'Time spent encoding events and handing them to the connections that get them.',
  },
  gavelcast_events_total: { type: 'counter', help: 'Events published, by type.', label: 'type' },
  gavelcast_commit_to_socket_seconds: {
    type: 'histogram',
    help: 'From the commit to the moment its events were written to the sockets, once a batch; of an audience of more than 256, to the first 512. The binlog gives whole seconds: up to one second of it is not real.',
    buckets: [0.1, 0.25, 0.5, 1, 1.25, 1.5, 2, 3, 5, 10, 30, 60, 300],
  },
  gavelcast_book_auctions: { type: 'gauge', help: 'Auctions in the book.' },
  gavelcast_book_comparisons_total: {
    type: 'counter',
    help: 'Comparisons of the book with the tables that were carried to their end.',
  },
  gavelcast_book_drift_total: {
    type: 'counter',
    help: 'Auctions found to differ between book and tables.',
  },
  gavelcast_auctions_overdue: {
    type: 'gauge',
    help: 'Active auctions past their end by more than OVERDUE_SECONDS.',
  },
  gavelcast_auctions_overdue_total: { type: 'counter', help: 'Auctions that became overdue.' },

  gavelcast_connections: {
    type: 'gauge',
    help: 'Connections open, by protocol version.',
    label: 'protocol',
  },
  gavelcast_users: { type: 'gauge', help: 'Users with a connection.' },
  gavelcast_subscriptions: { type: 'gauge', help: 'Subscriptions: connections times items.' },
  gavelcast_items_watched: { type: 'gauge', help: 'Items that somebody watches.' },
  gavelcast_connections_accepted_total: { type: 'counter', help: 'Connections accepted.' },
  gavelcast_connections_closed_total: {
    type: 'counter',
    help: 'Connections that ended, by close code: ours, else the one the client gave.',
    label: 'code',
  },
  gavelcast_upgrades_refused_total: {
    type: 'counter',
    help: 'Requests refused before the upgrade, by HTTP status.',
    label: 'status',
  },
  gavelcast_authentication_failures_total: {
    type: 'counter',
    help: 'Tokens refused, by reason.',
    label: 'reason',
  },
  gavelcast_limits_hit_total: {
    type: 'counter',
    help: 'Clients that met a limit, by its option: a message dropped, or a connection closed.',
    label: 'limit',
  },
  gavelcast_messages_received_total: { type: 'counter', help: 'Messages of clients.' },
  gavelcast_frames_sent_total: { type: 'counter', help: 'Messages written to clients.' },
  gavelcast_sent_bytes_total: { type: 'counter', help: 'Bytes written to clients.' },

  gavelcast_recoveries_total: {
    type: 'counter',
    help: 'Requests to recover: replayed, or answered with the state alone.',
    label: 'result',
  },
  gavelcast_events_replayed_total: { type: 'counter', help: 'Events sent again to recover.' },
  gavelcast_clients_recovering: {
    type: 'gauge',
    help: 'Clients on their way to what they missed.',
  },
  gavelcast_clients_slow: {
    type: 'gauge',
    help: 'Clients that do not take what they are sent as fast as it comes.',
  },
  gavelcast_events_conflated_total: {
    type: 'counter',
    help: 'Events that slow clients were given a newer one in place of.',
  },
  gavelcast_slow_clients_closed_total: {
    type: 'counter',
    help: 'Clients closed with 4002, by what they let go too far.',
    label: 'reason',
  },
  gavelcast_history_events: { type: 'gauge', help: 'Events held for recovery.' },
  gavelcast_history_bytes: { type: 'gauge', help: 'Bytes of the messages held for recovery.' },

  gavelcast_workers: {
    type: 'gauge',
    help: 'Worker processes that take connections; absent without WORKERS.',
  },
  gavelcast_worker_connections: {
    type: 'gauge',
    help: 'Connections open, by the place of their worker.',
    label: 'worker',
  },
  gavelcast_worker_loop_lag_seconds: {
    type: 'gauge',
    help: "99th percentile of the delay of a worker's event loop over its last second, by its place.",
    label: 'worker',
  },
  gavelcast_worker_restarts_total: {
    type: 'counter',
    help: 'Workers started in place of another, by why that one ended, or `failed`.',
    label: 'cause',
  },

  gavelcast_log_lines_total: {
    type: 'counter',
    help: 'Log lines of level warn and above, by level.',
    label: 'level',
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** The metrics that a scrape reads; the histogram is fed as events go by. */
export type PulledName = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends 'histogram' ? never : N;
}[MetricName];

/** A value; several by the value of the label; null: there is none yet, and the metric has no sample. */
export type Reading = number | ReadonlyMap<string, number> | null;

/** One look at everything. */
export type Readings = Readonly<Record<PulledName, Reading>>;
