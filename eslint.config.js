import { builtinModules } from 'node:module';
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const PURE = ['src/auction/**/*.ts', 'src/topics/**/*.ts', 'src/protocol/**/*.ts'];
const TESTS = ['test/**/*.ts'];
const TERMINAL = ['scripts/**/*.ts', 'bench/**/*.ts', 'demo/**/*.ts', 'src/commands/**/*.ts'];

const pureMessage = 'Pure folder: time, chance, process and I/O come in as values.';
const bannedGlobals = [
  'process',
  'performance',
  'crypto',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
];

const namedExportsOnly = {
  selector: 'ExportDefaultDeclaration',
  message: 'Named exports only.',
};

export default tseslint.config(
  { ignores: ['dist/**', 'coverage/**', '**/*.d.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.json', 'tsconfig.browser.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: true },
      ],
      'no-restricted-syntax': ['error', namedExportsOnly],
    },
  },
  {
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-globals': [
        'error',
        {
          globals: bannedGlobals.map((name) => ({ name, message: pureMessage })),
          checkGlobalObject: true,
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: pureMessage },
        { object: 'Math', property: 'random', message: pureMessage },
      ],
      'no-restricted-syntax': [
        'error',
        namedExportsOnly,
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: pureMessage },
        { selector: "CallExpression[callee.name='Date']", message: pureMessage },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules.map((name) => ({ name, message: pureMessage })),
          patterns: [{ group: ['node:*'], message: pureMessage }],
        },
      ],
    },
  },
  { files: TESTS, rules: { 'max-lines-per-function': 'off' } },
  { files: TERMINAL, rules: { 'no-console': 'off' } },
  { files: ['*.config.{js,ts}'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.{js,cjs}'],
    languageOptions: { globals: { process: 'readonly', module: 'writable' } },
  },
);
