/** One node of the cluster: a server beside its database, killed and started again on its own port and checkpoint. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { startGavelcast, type GavelcastProcess } from '../support/gavelcast-process.ts';
import type { SourceAddress } from '../support/gavelcast-process.ts';
import { until } from '../support/until.ts';

const READY_WITHIN_MS = 120_000;
/** All clients come from one address here. */
const LIMITS = {
  MAX_CONNECTIONS_PER_ADDRESS: '100000',
  NEW_CONNECTIONS_PER_SECOND: '100000',
  LOG_LEVEL: 'info',
};

export class Node {
  readonly name: string;
  readonly port: number;
  readonly #source: SourceAddress;
  readonly #stateDirectory: string;
  #process: GavelcastProcess | null = null;
  /** Output of those that were killed. */
  #past = '';
  #isUp = false;
  kills = 0;

  private constructor(name: string, source: SourceAddress, port: number) {
    this.name = name;
    this.port = port;
    this.#source = source;
    this.#stateDirectory = mkdtempSync(join(tmpdir(), `gavelcast-soak-${name}-`));
  }

  /** Starts it, and resolves when it is ready. */
  static async start(name: string, source: SourceAddress): Promise<Node> {
    const node = new Node(name, source, await freePort());
    await node.#launch();
    return node;
  }

  /** As a load balancer sees it: false from the kill until it is ready again. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Everything that it has written. */
  get output(): string {
    return this.#past + (this.#process?.output() ?? '');
  }

  /** Kills it (SIGKILL) and starts it again. Resolves when it is ready. */
  async kill(): Promise<void> {
    this.kills += 1;
    await this.#end();
    await this.#launch();
  }

  async untilReady(): Promise<void> {
    await until(() => this.#process?.isReady() ?? false, {
      withinMs: READY_WITHIN_MS,
      everyMs: 100,
      what: () => `node ${this.name} to be ready:\n${this.output.slice(-2_000)}`,
    });
  }

  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.#stateDirectory, { recursive: true, force: true });
  }

  async #end(): Promise<void> {
    this.#isUp = false;
    await this.#process?.stop('SIGKILL');
    this.#past += this.#process?.output() ?? '';
    this.#process = null;
  }

  async #launch(): Promise<void> {
    const env = { ...LIMITS, WS_PORT: String(this.port), STATE_DIR: this.#stateDirectory };
    this.#process = await startGavelcast(this.#source, env, { waitUntilReady: false });
    await this.untilReady();
    this.#isUp = true;
  }
}
