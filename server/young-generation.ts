/**
 * The young generation of V8's heap, held at the size that starting took.
 *
 * It doubles whenever much of it survives a collection, up to 128 MiB, and hardly ever shrinks. Here that is a burst of
 * clients who come at once: what each of them brings survives, so the process would keep, for good, ten kilobytes a client
 * that hold nothing. What survives is meant to be old anyway, and is moved there sooner (docs/decisions/0014).
 */
import { setFlagsFromString } from 'node:v8';

/** For the whole process, from now on. Call it once the program is loaded; where V8 does not know the flag, nothing happens. */
export function holdYoungGeneration(): void {
  // V8 multiplies by this whenever it would grow. Its flags of sizes are read at the start of a process only.
  setFlagsFromString('--semi-space-growth-factor=1');
}
