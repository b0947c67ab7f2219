/**
 * Server-sent events read with `fetch`, for networks that block WebSockets. `EventSource` is not used because it can
 * send no header: the token would have to go into the URL, and from there into logs.
 */
import type { Environment, Socket, SocketListeners } from './environment.ts';

export interface EventStreamRequest {
  readonly url: string;
  readonly token: string;
  /** Position to recover from; null: none. */
  readonly since: string | null;
}

/**
 * Opens the stream. It cannot send: `send` does nothing. `closed` gets 4001 for HTTP 401, 4500 for 403, the code of a
 * `{"type":"close","code":…}` message where the server sends one last, else 1006.
 */
export function openEventStream(
  environment: Environment,
  request: EventStreamRequest,
  listeners: SocketListeners & { keepalive(): void },
): Socket {
  const aborter = new AbortController();
  const isClosed = (): boolean => aborter.signal.aborted;
  let code = 1006;
  const read = async (): Promise<void> => {
    const response = await environment.fetch(request.url, {
      headers: {
        Accept: 'text/event-stream',
        Authorization: `Bearer ${request.token}`,
        ...(request.since !== null && { 'Last-Event-ID': request.since }),
      },
      cache: 'no-store',
      signal: aborter.signal,
    });
    if (response.status === 401) code = 4001;
    if (response.status === 403) code = 4500;
    if (!response.ok || !response.body) return;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || isClosed()) return;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop() ?? '';
      listeners.keepalive();
      for (const line of lines) {
        // One `data:` line an event: JSON text has no line breaks of its own.
        if (!line.startsWith('data:')) continue;
        const text = line.slice(5).trim();
        code = Number(/^\{"type":"close","code":(\d+)/.exec(text)?.[1] ?? code);
        listeners.message(text);
        // The listener may have closed the stream.
        if (isClosed()) return;
      }
    }
  };
  const finished = (): void => {
    if (!isClosed()) listeners.closed(code);
    aborter.abort();
  };
  read().then(finished, finished);
  return {
    send() {
      // One way only.
    },
    close() {
      aborter.abort();
    },
  };
}
