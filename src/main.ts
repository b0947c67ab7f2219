/**
 * The program. Builds what a command needs of the world, runs it, and ends the process with its exit code.
 */
import { EXIT, type CommandContext } from './commands/context.ts';
import { runProgram } from './commands/program.ts';

/** What still runs this long after a command has ended is cut off. */
const LEFTOVER_MS = 2000;

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  // The arguments may hold a token; nobody needs them in the process list.
  process.title = 'gavelcast';
  const context: CommandContext = {
    env: process.env,
    cwd: process.cwd(),
    now: Date.now,
    stdout: process.stdout,
    stderr: process.stderr,
  };
  for (const output of [process.stdout, process.stderr]) {
    // A reader that has gone away (`| head`) has nobody left to be told.
    output.on('error', () => undefined);
  }
  try {
    process.exitCode = await runProgram(process.argv.slice(2), context);
  } catch (error) {
    process.stderr.write(`gavelcast: internal error: ${describe(error)}\n`);
    process.exitCode = EXIT.internal;
  }
  setTimeout(() => process.exit(), LEFTOVER_MS).unref();
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

if (import.meta.main) await main();
