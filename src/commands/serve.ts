/**
 * `gavelcast serve`: the server as a process.
 */
import { setTimeout as pause } from 'node:timers/promises';

import type { SourceInfo } from '../../cdc/source/source-info.ts';
import { holdYoungGeneration } from '../../server/young-generation.ts';
import { isEnabled, type Config } from '../config.ts';
import type { Environment } from '../config-problem.ts';
import { AppError, ERRORS, type ErrorPolicy } from '../errors.ts';
import { createLog } from '../log.ts';
import type { BookView } from '../auction/book.ts';
import type { Log } from '../ports.ts';
import { VERSION } from '../version.ts';
import { createApplication, type Application } from './application.ts';
import type { ApplicationOptions } from './application.ts';
import { checkpointPath } from './checkpoint-path.ts';
import { EXIT, explain, findEnvironment, loadOrExplain } from './context.ts';
import type { CommandContext, CommonOptions } from './context.ts';
import { readFeedOptions } from './feed-options.ts';
import { describeSource } from './describe-source.ts';
import { readTlsFiles, tokenProblems } from './gateway-files.ts';
import { inheritedSocket } from './inherited-socket.ts';
import { reloadOnHangup } from './reload.ts';
import { exitOnUncaught, watchForInterruption, type Interruption } from './interruption.ts';
import { changeLevelOnSignal } from './log-level.ts';
import { connectServiceManager, type ServiceManager } from './service-manager.ts';

/** How long a service manager is kept waiting for a source that cannot be reached, before it is told that we run. */
const READY_WITHIN_MS = 20_000;

/** Serves until a signal asks it to end. @returns the exit code */
export async function serve(options: CommonOptions, context: CommandContext): Promise<number> {
  const found = findEnvironment(options, context);
  if (!isEnabled(found.env)) {
    context.stdout.write('gavelcast: WS_ENABLED is false: nothing to serve\n');
    // Ending without a word would count as a failed start.
    const manager = connectServiceManager(context.env, { log: null, pid: process.pid });
    manager.ready('WS_ENABLED is false: nothing to serve');
    await manager.close();
    return EXIT.ok;
  }
  const loaded = loadOrExplain(found, ['source', 'tokens', 'server'], context);
  if (loaded === null) return EXIT.config;
  const { config, warnings } = loaded;
  const files = readFiles(config, found.env, context);
  if (files === null) return EXIT.config;
  const handle = createLog(config.log, { fd: 1, isTerminal: context.stdout.isTTY === true });
  const { log, isPretty, flush } = handle;
  const report = (error: unknown, event: string): void => {
    log.fatal({ err: error }, event);
    flush();
  };
  exitOnUncaught(report);
  holdYoungGeneration();
  const tell = (text: string): void => {
    if (!isPretty) context.stderr.write(`gavelcast: ${text}\n`);
  };
  for (const { name, warning } of warnings) {
    log.warn({ option: name, text: `${name} ${warning}` }, 'config warning');
  }
  const interruption = watchForInterruption({ endsWithOutput: false, flush });
  const manager = connectServiceManager(context.env, { log, pid: process.pid });
  const application = createApplication(
    {
      config,
      ...files,
      admin: config.admin,
      drain: interruption.request,
    },
    { log, now: context.now },
  );
  const listeners = [
    reloadOnHangup({ application, log, options, context }),
    changeLevelOnSignal(handle),
  ];
  try {
    const isSocketOurs = (files.inheritedFd ?? null) !== null;
    return await run(application, { config, log, interruption, tell, manager, isSocketOurs });
  } finally {
    await manager.close();
    for (const stopListening of listeners) stopListening();
    interruption.dispose();
    flush();
  }
}

/** What the files that the configuration names hold, and the socket that was passed to us. Null: there were faults, and all of them are on stderr. */
function readFiles(
  config: Config,
  env: Environment,
  context: CommandContext,
): Pick<ApplicationOptions, 'feed' | 'tls' | 'inheritedFd'> | null {
  const { cwd } = context;
  const feed = readFeedOptions(config.source, cwd);
  const kept = checkpointPath(config.source, { env, cwd });
  const socket = inheritedSocket(context.env, process.pid);
  const problems = [
    ...(feed.ok ? [] : feed.problems),
    ...(kept.ok ? [] : [kept.problem]),
    ...(socket.ok ? [] : [socket.problem]),
    ...tokenProblems(config.tokens.rules),
  ];
  const tls = readTlsFiles(config.server, cwd, problems);
  if (feed.ok && kept.ok && socket.ok && problems.length === 0) {
    const options = { ...feed.options, checkpointFile: kept.path };
    return { feed: options, tls, inheritedFd: socket.fd };
  }
  explain(problems, context);
  return null;
}

interface Running {
  readonly config: Config;
  readonly log: Log;
  readonly interruption: Interruption;
  /** Says it to people too, where the log is for machines. */
  readonly tell: (text: string) => void;
  readonly manager: ServiceManager;
  /** True: a listening socket was passed to us, and to nobody else. */
  readonly isSocketOurs: boolean;
}

async function run(application: Application, running: Running): Promise<number> {
  const { config, log, interruption, manager } = running;
  try {
    const takesOver = running.isSocketOurs || config.server.reusePort;
    await (takesOver ? takeOver(application, running) : start(application, running));
    const signal = await interruption.happened;
    manager.stopping(config.server.drainMs);
    log.info({ signal, text: `${signal}: closing connections and stopping` }, 'stopping');
    await application.stop();
    log.info({ text: 'stopped' }, 'stopped');
    return EXIT.ok;
  } catch (error) {
    const code = reportFailure(error, running);
    await application.stop();
    return code;
  }
}

/** Listens first, so that `/healthz` answers while the source is still being looked for. */
async function start(application: Application, running: Running): Promise<void> {
  const { manager } = running;
  const url = await listenUntilInterrupted(application, running);
  if (url === null) return;
  const impatience = setTimeout(() => {
    manager.ready(`listening on ${url}; the source was not reached yet`);
  }, READY_WITHIN_MS);
  await tailUntilInterrupted(application, running).finally(() => {
    clearTimeout(impatience);
  });
  manager.ready(`listening on ${url}`);
}

/**
 * Listens only once it is live: until then another process serves, or whoever connects waits in the socket that was passed
 * to us. In there nobody waits for ever.
 */
async function takeOver(application: Application, running: Running): Promise<void> {
  const { log, interruption, manager, isSocketOurs } = running;
  const live = tailUntilInterrupted(application, running);
  const tooLong = pause(READY_WITHIN_MS, false, { ref: false });
  const isLive = await (isSocketOurs ? Promise.race([live, tooLong]) : live);
  if (interruption.signal.aborted) return;
  if (!isLive && !isSocketOurs) {
    const text = 'the feed halted before it was live: the port is left to whoever serves on it';
    log.error({ text }, 'port not taken');
    return;
  }
  const url = await listenUntilInterrupted(application, running);
  if (url === null) return;
  if (!isLive) manager.ready(`listening on ${url}; the source was not reached yet`);
  await live;
  manager.ready(`listening on ${url}`);
}

/** Workers may take long to start, and may be stuck. @returns where it listens; null: it was interrupted before */
async function listenUntilInterrupted(
  application: Application,
  { config, log, interruption }: Running,
): Promise<string | null> {
  const address = await Promise.race([application.listen(), interruption.happened]);
  return typeof address === 'string' ? null : announceAddress(address, config, log);
}

/** @returns true when the stream is live; false when it halted (and `/readyz` says so), or was interrupted before */
async function tailUntilInterrupted(application: Application, running: Running): Promise<boolean> {
  try {
    const source = await Promise.race([application.tail(), running.interruption.happened]);
    if (typeof source === 'string') return false;
    announceSource(source, application.reads.book, running);
    return true;
  } catch (error) {
    const isHalt = error instanceof AppError && exitCodeOf(error) === null;
    // The feed has logged why. Ending here would only make a service manager start us into the same fault again.
    if (!isHalt) throw error;
    return false;
  }
}

function announceAddress(
  address: { readonly host: string; readonly port: number },
  config: Config,
  log: Log,
): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const scheme = config.server.tlsCertFile === null ? 'ws' : 'wss';
  const url = `${scheme}://${host}:${address.port.toString()}${config.server.path ?? ''}`;
  log.info(
    { version: VERSION, url, text: `gavelcast ${VERSION} listening on ${url}` },
    'listening',
  );
  return url;
}

function announceSource(source: SourceInfo, book: BookView, { config, log }: Running): void {
  const positions = source.gtid ? 'GTID' : 'file and position';
  const details = `${positions}, server id ${source.serverId.toString()}, zone ${source.zoneName}`;
  const text = `tailing ${describeSource(source, config)} (${details})`;
  log.info(
    {
      flavour: source.flavour,
      version: source.version,
      database: config.source.database,
      user: config.source.user,
      gtid: source.gtid,
      rowMetadata: source.rowMetadata,
      serverId: source.serverId,
      zone: source.zoneName,
      clockOffsetMs: source.clockOffsetMs,
      text,
    },
    'tailing',
  );
  const live = liveAuctions(book);
  log.info(
    { live, text: `book: ${live.toString()} live ${live === 1 ? 'auction' : 'auctions'}` },
    'live auctions',
  );
}

function liveAuctions(book: BookView): number {
  let live = 0;
  for (const auction of book.values()) if (auction.status === 'active') live += 1;
  return live;
}

/** Says why the program cannot go on, with every fault and its fix where there are several. @returns the exit code */
function reportFailure(error: unknown, { log, tell }: Running): number {
  if (!(error instanceof AppError)) {
    log.fatal({ err: error }, 'internal error');
    return EXIT.internal;
  }
  log.fatal({ code: error.code, text: error.message }, 'cannot start');
  tell(`cannot start: ${error.code}\n${error.message}`);
  return exitCodeOf(error) ?? EXIT.unavailable;
}

/** Null for errors that do not end the process. */
function exitCodeOf(error: AppError): number | null {
  const policy: ErrorPolicy = ERRORS[error.code];
  return policy.exitCode ?? null;
}
