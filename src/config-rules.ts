/**
 * Rules that concern more than the text of one option: secrets that are no secrets, options that cancel each other,
 * names that look like a slip of the finger.
 */
import { isOptionName, OPTIONS, type Settings } from './config-options.ts';
import type { ConfigProblem, ConfigWarning, Environment } from './config-problem.ts';
import { EXAMPLE_JWT_SECRET, JWT_SECRET_BYTES_MIN } from './config-token-options.ts';
import { parseTokenKeys } from './token-rules.ts';

/** Adds what is wrong with `JWT_SECRET`: a problem, or a warning where the operator allows a weak one. */
export function judgeSecret(
  settings: Settings,
  problems: ConfigProblem[],
  warnings: ConfigWarning[],
): void {
  const name = 'JWT_SECRET';
  const secret = settings.JWT_SECRET;
  // Tokens of another issuer alone: the portal's secret is not needed.
  const hasOtherKeys = settings.JWT_KEYS !== null || settings.JWKS_URL !== null;
  if (secret === '' && hasOtherKeys) return;
  const weakness = weaknessOf(secret);
  if (weakness === null) return;
  const isShort = secret !== '' && secret !== EXAMPLE_JWT_SECRET;
  if (isDevelopment(settings) || (isShort && settings.ALLOW_WEAK_JWT_SECRET)) {
    warnings.push({ name, warning: `${weakness}: anyone may guess it and mint tokens` });
    return;
  }
  const change = 'give the PHP API and Gavelcast the same random one (openssl rand -base64 48)';
  const meanwhile = isShort ? '; ALLOW_WEAK_JWT_SECRET=1 takes it meanwhile' : '';
  const fix = `${change}${meanwhile}; APP_ENV=development takes any`;
  problems.push({ name, problem: weakness, fix });
}

function weaknessOf(secret: string): string | null {
  if (secret === '') return 'is empty';
  if (secret === EXAMPLE_JWT_SECRET) return 'is the one from the example file';
  const bytes = new TextEncoder().encode(secret).length;
  const least = JWT_SECRET_BYTES_MIN.toString();
  return bytes < JWT_SECRET_BYTES_MIN ? `has fewer than ${least} bytes` : null;
}

/** Adds what is wrong with the secrets in `JWT_KEYS`: shorter than the output of their own algorithm (RFC 7518, 3.2). */
export function judgeKeys(settings: Settings, problems: ConfigProblem[]): void {
  if (settings.JWT_KEYS === null || isDevelopment(settings)) return;
  for (const [at, key] of (parseTokenKeys(settings.JWT_KEYS) ?? []).entries()) {
    if (!('secret' in key)) continue;
    const bytesMin = Number(key.algorithm.slice(2)) / 8;
    const isShort = new TextEncoder().encode(key.secret).length < bytesMin;
    const problem =
      key.secret === EXAMPLE_JWT_SECRET
        ? 'is the one from the example file'
        : `has fewer than ${bytesMin.toString()} bytes`;
    if (!isShort && key.secret !== EXAMPLE_JWT_SECRET) continue;
    const fix = 'leave it out, and change what signs with it; APP_ENV=development takes any';
    problems.push({ name: 'JWT_KEYS', problem: `key ${(at + 1).toString()} ${problem}`, fix });
  }
}

/** Warns of an empty database password outside development. */
export function judgePassword(settings: Settings, warnings: ConfigWarning[]): void {
  const name = settings.SOURCE_USER === null ? 'DB_PASSWORD' : 'SOURCE_PASSWORD';
  if (sourcePassword(settings) !== '' || isDevelopment(settings)) return;
  warnings.push({ name, warning: 'is empty: the database lets anyone in who reaches it' });
}

/** Options that have no effect because of another. */
export function conflicts(settings: Settings): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  if (settings.SOURCE_SOCKET !== null && settings.SOURCE_HOST !== null) {
    warnings.push({ name: 'SOURCE_HOST', warning: 'is not used, because SOURCE_SOCKET is set' });
  }
  if ((settings.WS_TLS_CERT === null) !== (settings.WS_TLS_KEY === null)) {
    const [name, other] =
      settings.WS_TLS_KEY === null ? ['WS_TLS_CERT', 'WS_TLS_KEY'] : ['WS_TLS_KEY', 'WS_TLS_CERT'];
    warnings.push({ name, warning: `is not used, because ${other} is not set` });
  }
  if (settings.SOURCE_TLS_CA !== null && !settings.SOURCE_TLS.startsWith('verify')) {
    const warning = `is not used, because SOURCE_TLS=${settings.SOURCE_TLS} verifies nothing`;
    warnings.push({ name: 'SOURCE_TLS_CA', warning });
  }
  return warnings;
}

/** True where weak secrets are nobody's business. */
export function isDevelopment(settings: Settings): boolean {
  return settings.APP_ENV === 'development';
}

/** The password for the source: its own, else the API's. */
export function sourcePassword(settings: Settings): string {
  return settings.SOURCE_PASSWORD ?? settings.DB_PASSWORD;
}

/**
 * Names that are one slip of the finger away from ours, and files for what is no secret. All other unknown names are the
 * PHP side's business.
 */
export function misspellings(env: Environment): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const ours = Object.keys(OPTIONS);
  for (const name of Object.keys(env)) {
    if (isOptionName(name)) continue;
    const stem = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : '';
    if (isOptionName(stem)) {
      if (OPTIONS[stem].isSecret) continue;
      warnings.push({ name, warning: `is not used: only secrets may be in a file; set ${stem}` });
      continue;
    }
    const meant = ours.find((own) => isOneSlipAway(name, own));
    if (meant === undefined) continue;
    warnings.push({ name, warning: `is not known; did you mean ${meant}?` });
  }
  return warnings;
}

/** One letter more, less, other, or two neighbours swapped. */
function isOneSlipAway(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  const restA = a.slice(start);
  const restB = b.slice(start);
  const isOther = restA.slice(1) === restB.slice(1);
  const isMoreOrLess = restA.slice(1) === restB || restA === restB.slice(1);
  const isSwapped =
    restA.length > 1 &&
    restA[0] === restB[1] &&
    restA[1] === restB[0] &&
    restA.slice(2) === restB.slice(2);
  return a !== b && (isOther || isMoreOrLess || isSwapped);
}
