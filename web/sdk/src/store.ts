/**
 * What is known of each topic, kept by the protocol's Seq rule. Pure: no socket, no clock.
 *
 * Invariant: within an epoch a topic's seq never goes back, and every change was applied to exactly the seq it was
 * made for; where that cannot be proved the answer is `gap`, and the caller must ask for snapshots.
 */

import { applyEvents } from './events.ts';
import type { Append, Delta, Event, Gone, JsonObject, Mark, Snap, TopicMessage } from './message.ts';
import { mergePatch } from './patch.ts';
import { matchesAny } from './pattern.ts';

export interface TopicState {
  readonly topic: string;
  readonly kind: 'state' | 'event';
  readonly epoch: string;
  readonly seq: number;
  readonly stale: boolean;
  /** The gateway's time of the last change, Unix ms. */
  readonly ts?: number;
  /** The provider's time of the last change, Unix ms. */
  readonly te?: number;
  /** A state topic's state; `{}` for an event topic. */
  readonly data: JsonObject;
  /** An event topic's newest events, oldest first, with edits and removals already applied; `[]` for a state topic. */
  readonly events: readonly Event[];
}

/** New data. `fresh`: events not seen before; `replaced`: what was held before is void. */
export interface Change {
  kind: 'snapshot' | 'delta' | 'append';
  state: TopicState;
  fresh: Event[];
  replaced: boolean;
}

/** A message for a seq that is not held (`held` is absent if the topic is not): something was missed. */
export interface Gap {
  kind: 'gap';
  topic: string;
  held?: number;
  needed: number;
}

/** What a message did. */
export type Outcome =
  | Change
  | Gap
  | { kind: 'mark'; state: TopicState }
  | { kind: 'gone'; topic: string }
  | { kind: 'duplicate' };

/** Limit: ended topics remembered; the oldest go. */
const GRAVES_MAX = 10_000;

const DUPLICATE: Outcome = { kind: 'duplicate' };

export class TopicStore {
  /** Of the log the messages come from; seqs of another epoch mean nothing here. */
  epoch = '';
  private readonly topics = new Map<string, TopicState>();
  /**
   * Seqs of topics that ended since the connection was whole last. Why: a resume from an older cursor tells of their end
   * again, and of what came before it.
   */
  private readonly graves = new Map<string, { epoch: string; seq: number }>();
  /** Topics named since the round began; `undefined` outside a round. */
  private named?: Set<string>;

  constructor(
    /** Limit: events kept per event topic. */
    private readonly eventsMax = 1000,
  ) {}

  get(topic: string): TopicState | undefined {
    return this.topics.get(topic);
  }

  all(): IterableIterator<TopicState> {
    return this.topics.values();
  }

  put(state: TopicState): void {
    this.topics.set(state.topic, state);
  }

  /** A connection opened: from here on it is remembered which topics were named. */
  beginRound(): void {
    this.named = new Set();
  }

  /** The round ended. `full`: topics not named in it do not exist; returns those that were held. */
  endRound(full: boolean): string[] {
    const named = this.named;
    this.named = undefined;
    if (!full || !named) return [];
    return this.drop((topic) => !named.has(topic));
  }

  /** Forgets what no pattern covers any more. */
  keepOnly(patterns: Iterable<string>): string[] {
    return this.drop((topic) => !matchesAny(patterns, topic));
  }

  /** The server stated that everything up to here was told: what ended before it is not told of again. */
  covered(): void {
    this.graves.clear();
  }

  apply(message: TopicMessage): Outcome {
    this.named?.add(message.topic);
    const grave = this.graves.get(message.topic);
    if (grave?.epoch === this.epoch && message.seq <= grave.seq) return DUPLICATE;
    const held = this.topics.get(message.topic);
    const current = held?.epoch === this.epoch ? held : undefined;
    switch (message.t) {
      case 'snap':
        return this.snap(message, current);
      case 'delta':
        return this.delta(message, current);
      case 'append':
        return this.append(message, current);
      case 'mark':
        return this.mark(message, current);
      case 'gone':
        return this.gone(message, held, current);
    }
  }

  private snap(message: Snap, held: TopicState | undefined): Outcome {
    // Why not `<=`: a snapshot at our own seq may bring a newer `stale`.
    if (held && message.seq < held.seq) return DUPLICATE;
    const stale = message.stale === true;
    if (!Array.isArray(message.data)) {
      return this.done('snapshot', { ...this.frame(message, 'state', stale), data: message.data }, [], true);
    }
    const from = message.from ?? message.seq - message.data.length;
    const joins = held?.kind === 'event' && from <= held.seq && message.why !== 'reset';
    const fresh = joins ? newer(message.data, message.seq, held.seq) : message.data;
    const events = applyEvents(joins ? held.events : [], fresh, this.eventsMax);
    return this.done('snapshot', { ...this.frame(message, 'event', stale), events }, fresh, !joins);
  }

  private delta(message: Delta, held: TopicState | undefined): Outcome {
    if (held && message.seq <= held.seq) return DUPLICATE;
    const base = message.from ?? message.seq - 1;
    if (held?.kind !== 'state' || base !== held.seq) return gap(message.topic, held, base);
    const data = mergePatch(held.data, message.data) as JsonObject;
    return this.done('delta', { ...this.frame(message, 'state', held.stale), data }, [], false);
  }

  private append(message: Append, held: TopicState | undefined): Outcome {
    if (held && message.seq <= held.seq) return DUPLICATE;
    const from = message.from ?? message.seq - message.data.length;
    if (held?.kind !== 'event' || from > held.seq) return gap(message.topic, held, from);
    const fresh = newer(message.data, message.seq, held.seq);
    const events = applyEvents(held.events, fresh, this.eventsMax);
    return this.done('append', { ...this.frame(message, 'event', held.stale), events }, fresh, false);
  }

  private mark(message: Mark, held: TopicState | undefined): Outcome {
    if (held && message.seq < held.seq) return DUPLICATE;
    if (held?.seq !== message.seq) return gap(message.topic, held, message.seq);
    const state = { ...held, stale: message.stale };
    this.put(state);
    return { kind: 'mark', state };
  }

  private gone(message: Gone, held: TopicState | undefined, current: TopicState | undefined): Outcome {
    if (current && message.seq < current.seq) return DUPLICATE;
    this.graves.delete(message.topic);
    this.graves.set(message.topic, { epoch: this.epoch, seq: message.seq });
    if (this.graves.size > GRAVES_MAX) this.graves.delete(this.graves.keys().next().value as string);
    if (!held) return DUPLICATE;
    this.topics.delete(message.topic);
    return { kind: 'gone', topic: message.topic };
  }

  private frame(message: TopicMessage, kind: 'state' | 'event', stale: boolean): TopicState {
    const { topic, seq, ts, te } = message;
    return { topic, kind, epoch: this.epoch, seq, stale, ts, te, data: {}, events: [] };
  }

  private done(kind: Change['kind'], state: TopicState, fresh: Event[], replaced: boolean): Outcome {
    this.put(state);
    return { kind, state, fresh, replaced };
  }

  private drop(unwanted: (topic: string) => boolean): string[] {
    const dropped = [...this.topics.keys()].filter(unwanted);
    for (const topic of dropped) this.topics.delete(topic);
    return dropped;
  }
}

/** Of events that end at `seq`, those above `own`. */
function newer(events: Event[], seq: number, own: number): Event[] {
  const count = Math.min(Math.max(seq - own, 0), events.length);
  return events.slice(events.length - count);
}

function gap(topic: string, held: TopicState | undefined, needed: number): Outcome {
  return { kind: 'gap', topic, held: held?.seq, needed };
}
