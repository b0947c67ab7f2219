/**
 * How to reach the database.
 */
export type Flavour = 'mysql' | 'mariadb';

/** `socketPath` wins over host and port. */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly socketPath?: string;
  /** TLS; absent: none. `verifyIdentity` also checks the name in the certificate. */
  readonly ssl?: {
    readonly ca?: string;
    readonly rejectUnauthorized: boolean;
    readonly verifyIdentity: boolean;
  };
  /** Milliseconds to connect and to get the stream going. */
  readonly connectTimeoutMs: number;
}
