/**
 * Options of metrics and the admin page.
 */
import { HOST_KIND, HOST_MESSAGE, isHost, PORT_MAX } from './host-name.ts';
import { integer, text, type Option } from './option.ts';

export const ADMIN_OPTIONS = {
  ADMIN_HOST: text({
    section: 'admin',
    text: 'Address of `/metrics` and the admin page. Whoever reaches it can read both; keep it off the internet.',
    kind: HOST_KIND,
    default: '127.0.0.1',
    example: '127.0.0.1',
    test: isHost,
    message: HOST_MESSAGE,
  }),
  ADMIN_PORT: integer({
    section: 'admin',
    text: 'Its port; `0` or `off`: no metrics and no page.',
    min: 0,
    max: PORT_MAX,
    default: 8081,
    zeroWord: 'off',
  }),
  ADMIN_TOKEN: text({
    section: 'admin',
    text: 'At least 16 characters that the actions of the admin page ask for: disconnect a user, drain. Without it there are none.',
    kind: 'text',
    default: null,
    defaultText: 'none: the page only shows',
    example: '…',
    isSecret: true,
    test: (value) => value.length >= 16,
    message: 'must have at least 16 characters (openssl rand -base64 24)',
  }),
} as const satisfies Record<string, Option<unknown>>;
