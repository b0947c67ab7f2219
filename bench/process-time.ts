/** Processor time of a process that is watched from outside. */
import { readFileSync } from 'node:fs';

/** Ticks of /proc are of 10 ms on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time so far, in seconds (proc(5), `/proc/<pid>/stat`, fields 14 and 15). */
export function cpuSecondsOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
  // The name in parentheses may hold anything, blanks too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
