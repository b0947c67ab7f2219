/**
 * A small project with this project's own tool settings, in a directory of its own: a place to plant faults in.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT_ROOT = fileURLToPath(new URL('../../', import.meta.url));

const SETTINGS = [
  '.dependency-cruiser.cjs',
  '.prettierignore',
  '.prettierrc',
  'eslint.config.js',
  'knip.json',
  'package.json',
  'scripts/architecture.ts',
  'tsconfig.browser.json',
  'tsconfig.json',
];

/** What a sound project looks like to every guard. */
const SOUND: Readonly<Record<string, string>> = {
  'src/main.ts': `import { answer } from '../cdc/answer.ts';\n\nprocess.stdout.write(answer());\n`,
  'cdc/answer.ts': `/** The answer. */\nexport function answer(): string {\n  return '42';\n}\n`,
  'demo/page/main.ts': `document.title = 'Gavelcast';\n`,
};

export interface Verdict {
  readonly passed: boolean;
  readonly output: string;
}

export class PlantedProject implements Disposable {
  readonly #root: string;

  /** @param faults files to add or replace, by path */
  constructor(faults: Readonly<Record<string, string>> = {}) {
    this.#root = mkdtempSync(join(tmpdir(), 'gavelcast-guard-'));
    symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(this.#root, 'node_modules'));
    for (const file of SETTINGS) cpSync(join(PROJECT_ROOT, file), join(this.#root, file));
    for (const [path, text] of Object.entries({ ...SOUND, ...faults })) this.#write(path, text);
  }

  /** Removes every source file: what a guard sees that cannot find or read any. */
  empty(): void {
    for (const folder of ['src', 'cdc', 'demo', 'scripts']) {
      rmSync(join(this.#root, folder), { recursive: true, force: true });
    }
  }

  /** Runs a tool of the project, as its npm script does, in the planted project. */
  run(tool: string, ...args: readonly string[]): Verdict {
    const program = tool === 'node' ? process.execPath : join('node_modules', '.bin', tool);
    const options = { cwd: this.#root, encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(program, args, options);
    return { passed: status === 0, output: stdout + stderr };
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true });
  }

  #write(path: string, text: string): void {
    const file = join(this.#root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

/** The project's own `scripts/architecture.ts`. */
export const ARCHITECTURE_SCRIPT = join(PROJECT_ROOT, 'scripts', 'architecture.ts');
