/** What every transport offers the client and is offered by it. The siblings never import each other. */

import type { Message } from '../message.ts';

export type Transport = 'ws' | 'sse' | 'poll';

/** Options of the protocol that are passed on as they are. */
export interface StreamOptions {
  /** Updates per second at most; from the gateway's list. Not on `poll`. */
  rate?: number;
  /** Latency budget in ms; from the gateway's list. Not on `poll`. */
  linger_ms?: number;
}

export interface Request {
  /** The gateway's address; ends with a slash. */
  base: URL;
  topics: string[];
  /** Given only if every topic of the request is held. */
  cursor?: string;
  options: StreamOptions;
}

export interface Op {
  op: 'sub' | 'unsub' | 'ping';
  id: number;
  topics?: string[];
  cursor?: string;
  rate?: number;
}

export interface Sink {
  /** The link can carry operations now. */
  open(): void;
  /** Poll: an answer begins. It has no `hello`: its cursor names the epoch, and may be of another gateway than the last. */
  answer(epoch: string): void;
  message(message: Message): void;
  /** The link is over. `retryMs`: when the gateway wants us back, if it said so. */
  down(reason: string, retryMs?: number): void;
}

export interface Link {
  /** Cuts it at once; the sink hears nothing more. */
  close(): void;
  /** Only where the client can speak on the open link. */
  send?(op: Op): void;
}

/** What the runtime brings; replaced in Node and in tests. */
export interface Environment {
  WebSocket: typeof WebSocket;
  EventSource: typeof EventSource;
  fetch: typeof fetch;
  random: () => number;
}

export function address(
  request: Request,
  path: string,
  query: Record<string, string | number | undefined>,
): URL {
  const url = new URL(path, request.base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

/** `undefined` for a text that is no message. */
export function parseMessage(text: unknown): Message | undefined {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === 'object' && value !== null && 't' in value ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}
