/**
 * What this machine allows a load test: open files of a process, and ports towards one address.
 */
import { readFileSync } from 'node:fs';

export interface MachineLimits {
  /** Descriptors this process may have; null: not known here. */
  readonly descriptors: number | null;
  /** Connections that one local address can have to one server address; null: not known here. */
  readonly ports: number | null;
}

/** Beside one descriptor a client: files, pipes, the event loop's own. */
const DESCRIPTORS_OWN = 64;

/** As the kernel says it (Linux). */
export function machineLimits(): MachineLimits {
  const files = /^Max open files\s+(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  const [first, last] = read('/proc/sys/net/ipv4/ip_local_port_range').trim().split(/\s+/);
  return {
    descriptors: files === undefined ? null : Number(files),
    ports: first === undefined || last === undefined ? null : Number(last) - Number(first) + 1,
  };
}

/** Why so many clients cannot be had here, each with its cure. Pure. */
export function machineProblems(clients: number, limits: MachineLimits): readonly string[] {
  const problems: string[] = [];
  const needed = clients + DESCRIPTORS_OWN;
  if (limits.descriptors !== null && needed > limits.descriptors) {
    problems.push(
      `${clients.toString()} clients need ${needed.toString()} open files, and this process may have ${limits.descriptors.toString()}: ulimit -n ${needed.toString()} before it, or fewer --clients`,
    );
  }
  if (limits.ports !== null && clients > limits.ports) {
    problems.push(
      `${clients.toString()} clients need as many local ports towards the server, and this machine has ${limits.ports.toString()}: sysctl -w net.ipv4.ip_local_port_range='1024 65535', or spread the test over several machines`,
    );
  }
  return problems;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
