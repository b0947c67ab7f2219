/**
 * Error codes and their exact texts. The first four texts are the old server's, which clients in the field compare.
 */
export const ERROR_TEXTS = {
  invalid_message: 'Invalid message',
  invalid_item_id: 'Invalid item ID',
  unknown_action: 'Unknown action',
  item_not_found: 'Item not found',
  unauthorized: 'Authentication failed',
  rate_limited: 'Rate limit exceeded',
  too_many_subscriptions: 'Too many subscriptions',
} as const satisfies Record<string, string>;

export type ErrorMessageCode = keyof typeof ERROR_TEXTS;
