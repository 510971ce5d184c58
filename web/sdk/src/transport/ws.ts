import { address, type Environment, type Link, parseMessage, type Request, type Sink } from './link.ts';

const SUBPROTOCOL = 'fanwire.v1';

/** Topics are not in the address: the client subscribes with operations once the link is open. */
export function openWebSocket(request: Request, sink: Sink, env: Environment): Link {
  const url = address(request, 'v1/ws', { linger_ms: request.options.linger_ms });
  url.protocol = url.protocol.replace('http', 'ws');
  const socket = new env.WebSocket(url.href, SUBPROTOCOL);
  let over = false;
  const end = () => {
    over = true;
    socket.close();
  };
  const down = (reason: string) => {
    if (over) return;
    end();
    sink.down(reason);
  };
  socket.onopen = () => over || sink.open();
  socket.onclose = (event) => down(event.reason || `closed with ${event.code}`);
  // Why nothing to do: a close always follows, and carries more.
  socket.onerror = () => {};
  socket.onmessage = (event) => {
    if (over) return;
    const message = parseMessage(event.data);
    if (message) sink.message(message);
    else down('not a message');
  };
  return {
    close: end,
    send: (op) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(op)),
  };
}
