/** The least environment that the program starts with, and configurations made from it. */
import { problemText, type Environment } from '../src/config-problem.ts';
import { loadConfig, type Config } from '../src/config.ts';

export const SECRET = 'a-secret-of-more-than-thirty-two-bytes-for-tests';

export const LEAST: Environment = {
  DB_NAME: 'portal',
  DB_USER: 'api',
  DB_PASSWORD: 'pw',
  JWT_SECRET: SECRET,
};

/** The configuration of this environment. @throws Error with every fault */
export function configOf(env: Environment): Config {
  const result = loadConfig({ ...LEAST, ...env });
  if (!result.ok) throw new Error(problemText(result.problems));
  return result.config;
}
