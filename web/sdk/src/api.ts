/** What a user of the client gives and gets. */

import type { ResumeReport } from './join.ts';
import type {
  Append,
  At,
  Bye,
  Delta,
  ErrorMessage,
  Event,
  Gone,
  Hello,
  Mark,
  Message,
  Snap,
} from './message.ts';
import type { TopicState } from './store.ts';
import type { Environment, StreamOptions, Transport } from './transport/link.ts';

/**
 * `connecting`: no link yet. `joining`: the link is open, its snapshots or missed entries are on their way.
 * `live`: whole. `waiting`: the link broke, the next attempt is due in a while. `closed`: for good.
 */
export type Status = 'connecting' | 'joining' | 'live' | 'waiting' | 'closed';

export interface ConnectOptions extends StreamOptions {
  /** The gateway's address, `https://host/`. */
  url: string | URL;
  transport?: Transport;
  /** Names and patterns (`quote.>`). */
  topics: string[];
  /** Where to go on; asserts that `states` holds every topic as it was there. */
  cursor?: string;
  /** What was held at `cursor`: `[...client.topics()]` of an earlier client. */
  states?: Iterable<TopicState>;
  /** Events kept per event topic; 1000 unless told. */
  eventsMax?: number;
  /** Replaces parts of the runtime. */
  environment?: Partial<Environment>;
}

export interface Counters {
  messages: number;
  reconnects: number;
  resumes: number;
  /** Times a message did not fit what was held. Zero, unless something is broken. */
  gaps: number;
  /** Messages that said nothing new. */
  duplicates: number;
  /** Events the gateway said it could not deliver. */
  lost: number;
  resets: number;
}

export interface ClientEvents {
  /** `fresh`: events not seen before; `replaced`: what was held before is void. */
  snapshot: { state: TopicState; message: Snap; fresh: Event[]; replaced: boolean };
  delta: { state: TopicState; message: Delta };
  append: { state: TopicState; message: Append; fresh: Event[] };
  mark: { state: TopicState; message: Mark };
  /** `message` is absent when the topic was found missing from a full round, or is no longer subscribed. */
  gone: { topic: string; message?: Gone };
  at: At;
  hello: Hello;
  bye: Bye;
  error: ErrorMessage;
  status: { status: Status; reason?: string; retryMs?: number };
  gap: { topic: string; held?: number; needed: number };
  resume: ResumeReport;
  /** Every message, before it takes effect. */
  message: Message;
}
