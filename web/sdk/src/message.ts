/**
 * The messages of wire protocol v1 as the gateway sends them, the same JSON object on every transport,
 * and the bodies of the plain HTTP requests. Shapes only: what they do to the state is in `store.ts`.
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One event of an append log; `id` is the provider's own. Without an `action` it is an `add`. */
export type Event = JsonObject & { id?: string; action?: 'add' | 'edit' | 'remove' };

/** Why a snapshot came. */
export type Why = 'subscribe' | 'born' | 'resume' | 'lag' | 'rate' | 'reset';

export interface Hello {
  t: 'hello';
  v: number;
  id: string;
  epoch: string;
  heartbeat_ms: number;
  /** The gateway's clock, Unix ms. */
  now: number;
}

interface Topical {
  topic: string;
  seq: number;
  /** Stands only where the gateway vouches that everything up to it was delivered. */
  o?: number;
  /** The gateway's time, Unix ms. */
  ts?: number;
  /** The provider's time, Unix ms; absent when it gives none. */
  te?: number;
}

export interface Snap extends Topical {
  t: 'snap';
  n?: number;
  why?: Why;
  stale?: boolean;
  /** Event topics: the snapshot holds exactly the events `from + 1 … seq`. */
  from?: number;
  /** Event topics: events that were not delivered; `null` when nobody knows how many. */
  lost?: number | null;
  data: JsonObject | Event[];
}

export interface Delta extends Topical {
  t: 'delta';
  /** The seq it applies to; absent for `seq - 1`. */
  from?: number;
  /** A merge patch, RFC 7396. */
  data: JsonObject;
}

export interface Append extends Topical {
  t: 'append';
  /** It holds exactly the events `from + 1 … seq`. */
  from?: number;
  data: Event[];
}

export interface Mark extends Topical {
  t: 'mark';
  stale: boolean;
}

export interface Gone extends Topical {
  t: 'gone';
}

export interface At {
  t: 'at';
  cursor: string;
  /** True at the end of a round of snapshots: topics not named since do not exist. */
  full?: boolean;
}

export interface Bye {
  t: 'bye';
  code: string;
  /** When to come back; absent when the gateway forbids it. */
  retry_ms?: number | null;
}

export interface ErrorMessage {
  t: 'error';
  id?: number;
  code: string;
  message?: string;
  field?: string;
}

export interface Ok {
  t: 'ok';
  id: number;
}

export interface Pong {
  t: 'pong';
  id?: number;
}

export type TopicMessage = Snap | Delta | Append | Mark | Gone;
export type Message = Hello | TopicMessage | At | Ok | Pong | Bye | ErrorMessage;

/** The body of `/v1/poll` and `/v1/snapshot`. */
export interface Batch {
  cursor: string;
  messages: Message[];
}

/** One candle; `t` is its open time in Unix ms. */
export interface Bar {
  t: number;
  o: number;
  h: number;
  l: number;
  c: number;
  v: number;
  n?: number;
  closed?: boolean;
  /** Rises when a bar is sent again. */
  rev?: number;
}

/** The body of `/v1/history`: true at `cursor`, so that it joins the live topic without a gap. */
export interface History<T = Bar> {
  cursor: string;
  topic: string;
  seq: number;
  /** Ascending. */
  data: T[];
}

/** One line of `/v1/topics`. */
export interface TopicLine {
  topic: string;
  kind: 'state' | 'event';
  seq: number;
  age_ms: number;
}

export function isTopicMessage(message: Message): message is TopicMessage {
  return 'topic' in message && 'seq' in message;
}
