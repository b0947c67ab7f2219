import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MODULE = fileURLToPath(new URL('../../server/young-generation.ts', import.meta.url));

/** Makes what survives, half a MiB at a time, and says how large the young generation is in the end. */
const SURVIVORS = `
  import { getHeapSpaceStatistics } from 'node:v8';
  const kept = [];
  for (let made = 0; made < 2_000_000; made += 1) {
    kept.push({ made, more: [made] });
    if (kept.length > 5_000) kept.length = 0;
  }
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  process.stdout.write(String(young.space_size / 2 ** 20));
`;

/** MiB of a fresh process. */
function youngMib(before: string): number {
  const script = `${before}\n${SURVIVORS}`;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test('what survives does not make the young generation grow', { timeout: 60_000 }, () => {
  const hold = `import { holdYoungGeneration } from ${JSON.stringify(MODULE)}; holdYoungGeneration();`;
  expect(youngMib(hold)).toBeLessThanOrEqual(4);
  // Or else the loop proves nothing.
  expect(youngMib('')).toBeGreaterThan(8);
});
