import { address, type Environment, type Link, parseMessage, type Request, type Sink } from './link.ts';

/**
 * Why the browser's own reconnect is not used, though `id:` would let it resume: it has no jitter and no back-off,
 * and cannot tell a refusal from a broken network.
 */
export function openEventSource(request: Request, sink: Sink, env: Environment): Link {
  const url = address(request, 'v1/sse', {
    topics: request.topics.join(','),
    cursor: request.cursor,
    ...request.options,
  });
  const source = new env.EventSource(url.href);
  let over = false;
  const end = () => {
    over = true;
    source.close();
  };
  const down = (reason: string) => {
    if (over) return;
    end();
    sink.down(reason);
  };
  source.onopen = () => over || sink.open();
  source.onerror = () => down(source.readyState === source.CLOSED ? 'refused' : 'connection lost');
  source.onmessage = (event) => {
    if (over) return;
    const message = parseMessage(event.data);
    if (message) sink.message(message);
    else down('not a message');
  };
  return { close: end };
}
