/**
 * What a load test has found, as text and as JSON. Pure.
 */
import type { RecordableHistogram } from 'node:perf_hooks';

import { duration } from './lifetime.ts';
import type { LoadTally } from './load-tally.ts';

export interface LoadRun {
  readonly url: string;
  readonly clients: number;
  readonly elapsedMs: number;
  /** From the moment when every client had been started: what rates are of. */
  readonly steadyMs: number;
  /** Events in that time. */
  readonly steadyEvents: number;
  /** How late the test's own event loop ran, 99th percentile: no time in the report is told more exactly. */
  readonly ownDelayMs: number;
  /** True: ended by a signal, before its time. */
  readonly isPartial: boolean;
}

/** Milliseconds, three digits after the point; null: nothing was measured. */
interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export type LoadReport = ReturnType<typeof loadReport>;

/** The report as one JSON object: `--json`. */
export function loadReport(tally: LoadTally, run: LoadRun) {
  const { connect, subscribe, spread, countdown } = tally.times;
  return {
    url: run.url,
    isPartial: run.isPartial,
    isClean: tally.troubles === 0 && tally.connected === run.clients,
    elapsedSeconds: Math.round(run.elapsedMs / 1000),
    clients: { asked: run.clients, connected: tally.connected, reconnects: tally.reconnects },
    events: {
      total: tally.events,
      perSecond: run.steadyMs === 0 ? 0 : Math.round((run.steadyEvents * 1000) / run.steadyMs),
      byType: Object.fromEntries(tally.eventsByType),
    },
    bids: {
      missed: tally.missedBids,
      repeated: tally.repeatedBids,
      unrecovered: tally.unrecoveredBids,
    },
    milliseconds: {
      connect: quantiles(connect),
      subscribe: quantiles(subscribe),
      spread: quantiles(spread),
      countdown: quantiles(countdown),
    },
    ownDelayMs: Math.round(run.ownDelayMs * 1000) / 1000,
    closesByCode: Object.fromEntries(tally.closesByCode),
    refusalsByStatus: Object.fromEntries(tally.refusalsByStatus),
    failuresByError: Object.fromEntries(tally.failuresByError),
    errorsByCode: Object.fromEntries(tally.errorsByCode),
  } as const;
}

/** The report for people. */
export function loadReportText(report: LoadReport): string {
  const { clients, events, bids, milliseconds } = report;
  const lines: [string, string][] = [
    ['server', report.url],
    ['time', `${duration(report.elapsedSeconds * 1000)}${report.isPartial ? ', interrupted' : ''}`],
    [
      'clients',
      `${number(clients.connected)} of ${number(clients.asked)} connected, ${number(clients.reconnects)} reconnects`,
    ],
    ['connect', quantileText(milliseconds.connect)],
    ['subscribe', quantileText(milliseconds.subscribe)],
    ['events', `${number(events.total)}, ${number(events.perSecond)}/s ${counts(events.byType)}`],
    ['spread', quantileText(milliseconds.spread)],
    ['countdown', quantileText(milliseconds.countdown)],
    ['own delay', `p99 ${msText(report.ownDelayMs)}`],
    [
      'bids',
      `${number(bids.missed)} missed, ${number(bids.repeated)} repeated, ${number(bids.unrecovered)} not recovered`,
    ],
    ['closed', counts(report.closesByCode) || 'none'],
    ['refused', counts(report.refusalsByStatus) || 'none'],
    ['failed', counts(report.failuresByError) || 'none'],
    ['errors', counts(report.errorsByCode) || 'none'],
    ['verdict', report.isClean ? 'clean' : 'not clean'],
  ];
  const hint =
    '429' in report.refusalsByStatus
      ? 'Refused with 429: all these clients have one address. MAX_CONNECTIONS_PER_ADDRESS and\nNEW_CONNECTIONS_PER_SECOND limit it; raise both for the test, or run it on several machines.\n'
      : '';
  return `${lines.map(([name, text]) => `${name.padEnd(10)} ${text.trimEnd()}\n`).join('')}${hint}`;
}

/** One line of progress. */
export function progressText(
  tally: LoadTally,
  {
    clients,
    elapsedMs,
    eventsPerSecond,
  }: { readonly clients: number; readonly elapsedMs: number; readonly eventsPerSecond: number },
): string {
  const of = `${number(tally.open)}/${number(clients)} connected`;
  const rate = `${number(Math.round(eventsPerSecond))} events/s`;
  return `${duration(elapsedMs)}: ${of}, ${rate}, ${number(tally.troubles)} errors`;
}

function quantiles(histogram: RecordableHistogram): Quantiles | null {
  if (histogram.count === 0) return null;
  const at = (percentile: number): number => histogram.percentile(percentile) / 1000;
  return {
    count: histogram.count,
    p50: at(50),
    p95: at(95),
    p99: at(99),
    max: histogram.max / 1000,
  };
}

function quantileText(quantiles: Quantiles | null): string {
  if (quantiles === null) return 'not measured';
  const { count, p50, p95, p99, max } = quantiles;
  const times = { p50, p95, p99, max };
  const texts = Object.entries(times).map(([name, value]) => `${name} ${msText(value)}`);
  return `${texts.join(', ')} (${number(count)})`;
}

function msText(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function counts(byName: Readonly<Record<string, number>>): string {
  const entries = Object.entries(byName).toSorted(([, a], [, b]) => b - a);
  const text = entries.map(([name, count]) => `${name}: ${number(count)}`).join(', ');
  return text;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
