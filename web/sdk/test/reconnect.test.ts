/** When and how the client comes back; the socket and the time are fakes. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { advisedMs, backoffMs } from '../src/backoff.ts';
import { type Client, type ConnectOptions, connect, type Message, type Status } from '../src/index.ts';
import type { Op } from '../src/transport/link.ts';

class FakeSocket {
  static all: FakeSocket[] = [];
  readonly OPEN = 1;
  readyState = 0;
  readonly sent: Op[] = [];
  onopen?: () => void;
  onclose?: (event: { code: number; reason: string }) => void;
  onmessage?: (event: { data: string }) => void;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(...messages: Message[]): void {
    for (const message of messages) this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** Opens, greets and makes the connection whole. */
  welcome(cursor = 'e1:10', epoch = 'e1'): void {
    this.open();
    this.say({ t: 'hello', v: 1, id: 'c', epoch, heartbeat_ms: 1000, now: 0 });
    for (const { id } of this.sent) this.say({ t: 'ok', id });
    this.say({ t: 'at', cursor });
  }
}

const socket = () => FakeSocket.all.at(-1)!;
const environment = { WebSocket: FakeSocket, random: () => 0 } as unknown as ConnectOptions['environment'];
let client: Client;
let statuses: { status: Status; retryMs?: number }[];

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  statuses = [];
  client = connect({ url: 'https://host/base/', topics: ['quote.>'], rate: 4, environment });
  client.on('status', (event) => statuses.push(event));
  vi.advanceTimersByTime(0);
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const waits = () => statuses.filter(({ status }) => status === 'waiting').map(({ retryMs }) => retryMs);

test('it asks with the subprotocol, then subscribes', () => {
  socket().welcome();
  expect(socket()).toMatchObject({ url: 'wss://host/base/v1/ws', protocol: 'fanwire.v1' });
  expect(socket().sent).toEqual([{ op: 'sub', id: 1, topics: ['quote.>'], rate: 4 }]);
  expect(client.status).toBe('live');
});

test('the wait grows while it fails and starts anew once live', () => {
  for (let n = 0; n < 3; n++) {
    socket().onclose?.({ code: 1006, reason: '' });
    vi.advanceTimersByTime(20_000);
  }
  socket().welcome();
  socket().onclose?.({ code: 1006, reason: '' });
  expect(waits()).toEqual([150, 300, 600, 150]);
});

describe('a bye', () => {
  test('with retry_ms is honoured', () => {
    socket().welcome();
    socket().say({ t: 'bye', code: 'draining', retry_ms: 1840 });
    vi.advanceTimersByTime(1839);
    expect(FakeSocket.all.length).toBe(1);
    vi.advanceTimersByTime(1);
    socket().open();
    expect(socket().sent).toMatchObject([{ op: 'sub', topics: ['quote.>'], cursor: 'e1:10' }]);
  });

  test('without retry_ms is final', () => {
    socket().welcome();
    socket().say({ t: 'bye', code: 'forbidden' });
    vi.advanceTimersByTime(60_000);
    expect(client.status).toBe('closed');
    expect(FakeSocket.all.length).toBe(1);
  });
});

test('what led to an end that was told already is told again by a resume, and means nothing', () => {
  client.close();
  client = connect({ url: 'https://host/base/', topics: ['quote.>'], environment });
  vi.advanceTimersByTime(0);
  const snap = (topic: string, seq: number): Message => ({
    t: 'snap',
    topic,
    n: 1,
    seq,
    ts: 0,
    data: { a: 1 },
    why: 'subscribe',
  });
  socket().open();
  socket().say({ t: 'hello', v: 1, id: 'c', epoch: 'e1', heartbeat_ms: 1000, now: 0 });
  for (const { id } of socket().sent) socket().say({ t: 'ok', id });
  socket().say(snap('quote.a', 5), snap('quote.b', 6), { t: 'at', cursor: 'e1:10' });
  // The end is told without a cursor, as to one that was behind.
  socket().say({ t: 'gone', topic: 'quote.a', seq: 7 });
  socket().onclose?.({ code: 1006, reason: '' });
  vi.advanceTimersByTime(1000);
  socket().open();
  expect(socket().sent).toMatchObject([{ op: 'sub', cursor: 'e1:10' }]);
  socket().say({ t: 'hello', v: 1, id: 'c', epoch: 'e1', heartbeat_ms: 1000, now: 0 });
  for (const { id } of socket().sent) socket().say({ t: 'ok', id });
  socket().say(
    { t: 'delta', topic: 'quote.b', seq: 7, o: 11, ts: 0, data: { a: 2 } },
    { t: 'delta', topic: 'quote.a', seq: 6, o: 12, ts: 0, data: { a: 2 } },
    { t: 'delta', topic: 'quote.a', seq: 7, o: 13, ts: 0, data: { a: 3 } },
    { t: 'gone', topic: 'quote.a', seq: 7, o: 14 },
    { t: 'at', cursor: 'e1:14' },
  );
  expect(client.status).toBe('live');
  expect(client.counters.gaps).toBe(0);
  expect(client.topic('quote.a')).toBeUndefined();
});

test('a silent link is asked, then given up', () => {
  socket().welcome();
  vi.advanceTimersByTime(2000);
  expect(socket().sent.at(-1)).toMatchObject({ op: 'ping' });
  vi.advanceTimersByTime(1000);
  expect(client.status).toBe('waiting');
});

test('a pong keeps it', () => {
  socket().welcome();
  for (let n = 0; n < 10; n++) {
    vi.advanceTimersByTime(1900);
    socket().say({ t: 'pong', id: 1 });
  }
  expect(client.status).toBe('live');
});

test('what the cursor does not cover yet is asked for without one', () => {
  socket().welcome();
  client.subscribe(['score.>']);
  expect(socket().sent.at(-1)).toMatchObject({ op: 'sub', topics: ['score.>'] });
  socket().onclose?.({ code: 1006, reason: '' });
  vi.advanceTimersByTime(200);
  socket().open();
  expect(socket().sent.map(({ topics, cursor }) => [topics, cursor])).toEqual([
    [['quote.>'], 'e1:10'],
    [['score.>'], undefined],
  ]);
});

test('a refused subscription is forgotten and told', () => {
  const told = vi.fn();
  client.on('error', told);
  socket().open();
  socket().say({ t: 'error', id: 1, code: 'bad_option', message: 'rate is one of 1, 2' });
  expect(told).toHaveBeenCalledOnce();
  socket().onclose?.({ code: 1006, reason: '' });
  vi.advanceTimersByTime(200);
  socket().open();
  expect(socket().sent).toEqual([]);
});

test('the tail of an ended subscription is no gap', () => {
  socket().welcome();
  socket().say({ t: 'snap', topic: 'quote.a', seq: 5, data: {} });
  client.unsubscribe(['quote.>']);
  socket().say({ t: 'delta', topic: 'quote.a', seq: 6, data: {} });
  client.subscribe(['quote.>']);
  socket().say({ t: 'delta', topic: 'quote.a', seq: 7, data: {} });
  expect(client.counters.gaps).toBe(0);
  expect(client.topic('quote.a')).toBeUndefined();
});

test('a listener that throws stops nothing', () => {
  const uncaught = vi.spyOn(globalThis, 'setTimeout').mockReturnValue(0 as never);
  const told = vi.fn();
  client.on('hello', () => {
    throw new Error('mine');
  });
  client.on('hello', told);
  socket().welcome();
  expect(told).toHaveBeenCalledOnce();
  uncaught.mockRestore();
});

test('waits stay in their bounds', () => {
  for (let attempt = 0; attempt < 40; attempt++) {
    expect(backoffMs(attempt, () => 0)).toBeGreaterThanOrEqual(150);
    expect(backoffMs(attempt, () => 1)).toBeLessThanOrEqual(20_000);
  }
  expect(advisedMs(1000, () => 0)).toBe(1000);
  expect(advisedMs(1000, () => 1)).toBe(1200);
});
