/**
 * One connection that stays: opens a link, feeds the store, follows the cursor, and comes back with it when the link
 * breaks. What the messages mean is in `store.ts`; how they travel is in `transport/`.
 */

import type { ClientEvents, ConnectOptions, Counters, Status } from './api.ts';
import { advisedMs, backoffMs } from './backoff.ts';
import { parseCursor } from './cursor.ts';
import { Emitter } from './emitter.ts';
import { Join, type ResumeReport } from './join.ts';
import type {
  Append,
  At,
  Bye,
  Delta,
  ErrorMessage,
  Gone,
  Hello,
  Mark,
  Message,
  Snap,
  TopicMessage,
} from './message.ts';
import { isTopicMessage } from './message.ts';
import { matches, matchesAny } from './pattern.ts';
import { type Change, type Gap, type Outcome, type TopicState, TopicStore } from './store.ts';
import { Subscriptions } from './subscriptions.ts';
import type { Environment, Link, Op, Request, Sink, Transport } from './transport/link.ts';
import { openPoll } from './transport/poll.ts';
import { openEventSource } from './transport/sse.ts';
import { openWebSocket } from './transport/ws.ts';
import { Watchdog } from './watchdog.ts';

const OPEN = { ws: openWebSocket, sse: openEventSource, poll: openPoll };

export function connect(options: ConnectOptions): Client {
  return new Client(options);
}

export class Client {
  readonly counters: Counters = {
    messages: 0,
    reconnects: 0,
    resumes: 0,
    gaps: 0,
    duplicates: 0,
    lost: 0,
    resets: 0,
  };
  readonly url: URL;
  private readonly emitter = new Emitter<ClientEvents>();
  private readonly store: TopicStore;
  private readonly subscriptions = new Subscriptions();
  private readonly env: Environment;
  private readonly watchdog = new Watchdog(
    () => this.send({ op: 'ping', id: this.nextId() }),
    () => this.down('silent'),
  );
  private link?: Link;
  private join?: Join;
  private timer?: ReturnType<typeof setTimeout>;
  private currentStatus: Status = 'connecting';
  private kind: Transport;
  private cursorText?: string;
  private attempt = 0;
  private lastId = 0;
  private clockAheadMs = 0;
  /** The gateway's advice from its `bye`: a time, or `null` for "do not come back". */
  private advice?: number | null;

  constructor(private readonly options: ConnectOptions) {
    const { WebSocket, EventSource, fetch } = globalThis;
    this.env = {
      WebSocket,
      EventSource,
      fetch: fetch.bind(globalThis),
      random: Math.random,
      ...options.environment,
    };
    this.url = new URL(options.url);
    this.kind = options.transport ?? 'ws';
    this.store = new TopicStore(options.eventsMax);
    this.subscriptions.add(options.topics);
    this.restore(options);
    // Why later: the caller adds its listeners first.
    this.timer = setTimeout(() => this.open());
  }

  get status(): Status {
    return this.currentStatus;
  }

  get transport(): Transport {
    return this.kind;
  }

  /** The last place the gateway vouched for; `undefined` until it did. */
  get cursor(): string | undefined {
    return this.cursorText;
  }

  /** The gateway's clock as of its last `hello`, Unix ms. */
  serverNow(): number {
    return Date.now() + this.clockAheadMs;
  }

  topic(name: string): TopicState | undefined {
    return this.store.get(name);
  }

  /** The held topics that match. */
  *topics(pattern = '>'): IterableIterator<TopicState> {
    for (const state of this.store.all()) if (matches(pattern, state.topic)) yield state;
  }

  /** Returns what takes the listener off again. */
  on<K extends keyof ClientEvents>(type: K, listener: (event: ClientEvents[K]) => void): () => void {
    return this.emitter.on(type, listener);
  }

  subscribe(topics: string[]): void {
    this.change(topics, []);
  }

  unsubscribe(topics: string[]): void {
    this.change([], topics);
  }

  /** Both at once, so that a transport that must ask anew does it only once. */
  change(add: string[], remove: string[]): void {
    const removed = this.subscriptions.remove(remove.filter((pattern) => !add.includes(pattern)));
    // Why before the adding: what only a new pattern covers comes with a snapshot, or does not exist.
    if (removed.length > 0) this.forget(this.store.keepOnly(this.subscriptions.all));
    const added = this.subscriptions.add(add);
    if (!this.link || added.length + removed.length === 0) return;
    if (this.kind !== 'ws') {
      this.reopen();
    } else if (this.currentStatus !== 'connecting') {
      if (removed.length > 0) this.send({ op: 'unsub', id: this.nextId(), topics: removed });
      this.sendSubscription(added);
    }
  }

  /** Goes on over another transport from the same cursor. */
  use(transport: Transport): void {
    if (transport === this.kind) return;
    this.kind = transport;
    if (this.currentStatus !== 'closed') this.reopen();
  }

  /** Cuts the link as a broken network would, and comes back after `retryMs` (the usual back-off without it). */
  drop(retryMs?: number): void {
    if (this.link) this.down('dropped', retryMs);
  }

  close(): void {
    this.cut();
    this.setStatus('closed');
  }

  private restore({ cursor, states }: ConnectOptions): void {
    if (cursor === undefined) return;
    this.cursorText = cursor;
    this.store.epoch = parseCursor(cursor)?.epoch ?? '';
    for (const state of states ?? []) this.store.put(state);
    this.subscriptions.coverAll();
  }

  private open(): void {
    const cursor = this.resumeCursor();
    this.advice = undefined;
    this.join = new Join(cursor);
    // Why: for what the cursor does not cover, nobody would say that it is gone.
    if (cursor !== undefined) this.forget(this.store.keepOnly(this.subscriptions.coveredNow));
    this.store.beginRound();
    this.setStatus('connecting');
    const { rate, linger_ms } = this.options;
    const options = this.kind === 'poll' ? {} : { rate, linger_ms };
    const request: Request = { base: this.url, topics: this.subscriptions.all, cursor, options };
    this.link = this.openLink(request);
  }

  /** Messages of a link that was cut meanwhile are not heard. */
  private openLink(request: Request): Link {
    const join = this.join;
    const heard =
      <A extends unknown[]>(act: (...args: A) => void) =>
      (...args: A) => {
        if (this.join === join) act(...args);
      };
    const sink: Sink = {
      open: heard(() => this.opened(request.cursor)),
      answer: heard((epoch) => this.beginAnswer(epoch)),
      message: heard((message) => this.receive(message)),
      down: heard((reason, retryMs) => this.down(reason, retryMs)),
    };
    try {
      return OPEN[this.kind](request, sink, this.env);
    } catch (error) {
      setTimeout(() => sink.down(String(error)));
      return { close: () => {} };
    }
  }

  /** One request can carry a cursor only if it covers all topics; a WebSocket has a second `sub` for the others. */
  private resumeCursor(): string | undefined {
    const { coveredNow, uncovered } = this.subscriptions;
    const covers = this.kind === 'ws' ? coveredNow.length > 0 : uncovered.length === 0;
    return covers ? this.cursorText : undefined;
  }

  private opened(cursor: string | undefined): void {
    const { all, coveredNow, uncovered } = this.subscriptions;
    if (this.kind !== 'ws') {
      this.subscriptions.acknowledgeAll();
    } else if (cursor === undefined) {
      this.sendSubscription(all);
    } else {
      this.sendSubscription(coveredNow, cursor);
      this.sendSubscription(uncovered);
    }
    this.setStatus('joining');
  }

  private sendSubscription(topics: string[], cursor?: string): void {
    if (topics.length === 0) return;
    const id = this.nextId();
    this.subscriptions.asked(id, topics);
    this.send({ op: 'sub', id, topics, cursor, rate: this.options.rate });
  }

  private send(op: Op): void {
    this.link?.send?.(op);
  }

  private receive(message: Message): void {
    this.counters.messages++;
    this.watchdog.heard();
    this.emitter.emit('message', message);
    if (isTopicMessage(message)) this.receiveTopical(message);
    else this.receiveOther(message);
  }

  private receiveOther(message: Exclude<Message, TopicMessage>): void {
    switch (message.t) {
      case 'hello':
        this.greet(message);
        break;
      case 'at':
        this.arrive(message);
        break;
      case 'ok':
        this.subscriptions.answered(message.id);
        break;
      case 'error':
        this.refuse(message);
        break;
      case 'bye':
        this.takeLeave(message);
    }
  }

  private receiveTopical(message: TopicMessage): void {
    // Why: what was unsubscribed may still be under way.
    if (!matchesAny(this.subscriptions.all, message.topic)) return;
    this.join?.count(message);
    const outcome = this.store.apply(message);
    if (outcome.kind !== 'gap') {
      if (message.o !== undefined) this.advance(`${this.store.epoch}:${message.o}`);
      this.tell(message, outcome);
    } else if (outcome.held !== undefined || !this.subscriptions.waiting) {
      this.resync(outcome);
    }
    // Else it is the tail of an ended subscription, and the `ok` of a new one is still to come.
  }

  /** The message and its outcome are of one kind. */
  private tell(message: TopicMessage, outcome: Exclude<Outcome, Gap>): void {
    switch (outcome.kind) {
      case 'duplicate':
        this.counters.duplicates++;
        break;
      case 'snapshot':
        this.tellSnapshot(message as Snap, outcome);
        break;
      case 'delta':
        this.emitter.emit('delta', { state: outcome.state, message: message as Delta });
        break;
      case 'append':
        this.emitter.emit('append', {
          state: outcome.state,
          message: message as Append,
          fresh: outcome.fresh,
        });
        break;
      case 'mark':
        this.emitter.emit('mark', { state: outcome.state, message: message as Mark });
        break;
      case 'gone':
        this.emitter.emit('gone', { topic: message.topic, message: message as Gone });
    }
  }

  private tellSnapshot(message: Snap, { state, fresh, replaced }: Change): void {
    this.counters.lost += message.lost ?? 0;
    if (message.why === 'reset') this.counters.resets++;
    this.emitter.emit('snapshot', { state, message, fresh, replaced });
  }

  private greet(hello: Hello): void {
    this.store.epoch = hello.epoch;
    this.clockAheadMs = hello.now - Date.now();
    this.watchdog.start(hello.heartbeat_ms);
    this.emitter.emit('hello', hello);
  }

  private takeLeave(bye: Bye): void {
    this.advice = bye.retry_ms ?? null;
    this.emitter.emit('bye', bye);
    this.down(`bye: ${bye.code}`);
  }

  private beginAnswer(epoch: string): void {
    this.store.epoch = epoch;
    this.store.beginRound();
  }

  private refuse(message: ErrorMessage): void {
    if (message.id !== undefined) this.subscriptions.refused(message.id);
    this.emitter.emit('error', message);
  }

  /** The gateway states that the connection is whole up to a place. */
  private arrive(message: At): void {
    // Why not at every cursor: a resume by entries states those of the way, between which older ends are told again. And
    // with a rate an `at` may be older than what was told.
    if (!this.options.rate) this.store.covered();
    this.advance(message.cursor);
    const { join } = this;
    const joining = this.currentStatus === 'joining' && !this.subscriptions.waiting;
    // Why: without a cursor a snapshot of every topic came, so what was not named does not exist.
    const full = message.full === true || (joining && join?.cursor === undefined);
    if (full || !this.subscriptions.waiting) this.forget(this.store.endRound(full));
    if (joining) this.becomeLive(join?.report(message.cursor, message.full === true));
    this.emitter.emit('at', message);
  }

  private becomeLive(report: ResumeReport | undefined): void {
    this.attempt = 0;
    this.setStatus('live');
    if (!report) return;
    this.counters.resumes++;
    this.emitter.emit('resume', report);
  }

  private advance(cursor: string): void {
    this.cursorText = cursor;
    this.subscriptions.cover();
  }

  private forget(topics: string[]): void {
    for (const topic of topics) this.emitter.emit('gone', { topic });
  }

  /** Something was missed, which must not happen: the cursor is not to be trusted, so everything is asked anew. */
  private resync({ topic, held, needed }: Gap): void {
    this.counters.gaps++;
    this.emitter.emit('gap', { topic, held, needed });
    this.cursorText = undefined;
    this.down('gap');
  }

  private down(reason: string, retryMs?: number): void {
    if (this.currentStatus === 'closed' || this.currentStatus === 'waiting') return;
    this.cut();
    if (this.advice === null) {
      this.setStatus('closed', reason);
      return;
    }
    const advised = retryMs ?? this.advice;
    const wait =
      advised === undefined ? backoffMs(this.attempt, this.env.random) : advisedMs(advised, this.env.random);
    this.attempt++;
    this.setStatus('waiting', reason, wait);
    this.timer = setTimeout(() => this.reconnect(), wait);
  }

  private reconnect(): void {
    this.counters.reconnects++;
    this.open();
  }

  /** On purpose, so at once and not counted. */
  private reopen(): void {
    this.cut();
    this.timer = setTimeout(() => this.open());
  }

  private cut(): void {
    clearTimeout(this.timer);
    this.watchdog.stop();
    this.join = undefined;
    this.link?.close();
    this.link = undefined;
    this.store.endRound(false);
    this.subscriptions.reset(this.cursorText !== undefined);
  }

  private setStatus(status: Status, reason?: string, retryMs?: number): void {
    if (status === this.currentStatus) return;
    this.currentStatus = status;
    this.emitter.emit('status', { status, reason, retryMs });
  }

  private nextId(): number {
    return ++this.lastId;
  }
}
