/** The whole client against the mock gateway, the same behaviours over every transport. */

import { EventSource } from 'eventsource';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { startGateway } from '../../test/mock-gateway.mjs';
import {
  type Client,
  type ConnectOptions,
  connect,
  type ResumeReport,
  type Transport,
} from '../src/index.ts';

const TRANSPORTS: Transport[] = ['ws', 'sse', 'poll'];
const QUOTE = 'quote.x.A';
const TRADE = 'trade.x.A';

const environment = { WebSocket, EventSource } as unknown as ConnectOptions['environment'];
let mock: Awaited<ReturnType<typeof startGateway>>;
let client: Client;
let resumes: ResumeReport[];

beforeEach(async () => {
  mock = await startGateway({ feeds: false, epoch: 'e1' });
  mock.gateway.log.publish(QUOTE, { bid: 1 });
  mock.gateway.log.event(TRADE, { id: '1' });
});

afterEach(async () => {
  client.close();
  await mock.close();
});

function join(transport: Transport, more: Partial<ConnectOptions> = {}): Promise<void> {
  client = connect({ url: mock.url, transport, topics: ['quote.>', 'trade.>'], environment, ...more });
  resumes = [];
  client.on('resume', (report) => resumes.push(report));
  return until(() => expect(client.status).toBe('live'));
}

const until = (check: () => void) => vi.waitFor(check, { timeout: 8000, interval: 10 });
const bid = () => client.topic(QUOTE)?.data.bid;
const trades = () =>
  client
    .topic(TRADE)
    ?.events.map(({ id }) => id)
    .join('');

/** Returns to the gateway must be exact, whatever happened meanwhile. */
function expectWhole(): void {
  for (const held of mock.gateway.log.matching(['quote.>', 'trade.>'])) {
    const state = client.topic(held.topic);
    expect(state?.seq).toBe(held.seq);
    expect(held.kind === 'state' ? state?.data : state?.events).toEqual(held.data);
  }
  expect(client.counters.gaps).toBe(0);
}

describe.each(TRANSPORTS)('over %s', (transport) => {
  test('a snapshot, then what follows', async () => {
    await join(transport);
    expect(bid()).toBe(1);
    mock.gateway.log.publish(QUOTE, { bid: 2, ask: 3 });
    mock.gateway.log.event(TRADE, { id: '2' });
    mock.gateway.log.mark(QUOTE, true);
    await until(() => expect(client.topic(QUOTE)?.stale).toBe(true));
    expect(trades()).toBe('12');
    expectWhole();
    expect(client.cursor).toBe(mock.gateway.log.cursor);
  });

  test('a broken link resumes from the cursor with the entries missed', async () => {
    await join(transport);
    const from = client.cursor;
    client.drop(20);
    expect(client.status).toBe('waiting');
    mock.gateway.log.publish(QUOTE, { bid: 2 });
    mock.gateway.log.event(TRADE, { id: '2' });
    await until(() => expect(resumes.length).toBe(1));
    expect(resumes[0]).toMatchObject({ from, entries: 2, snapshots: 0, full: false, lost: 0 });
    expectWhole();
    expect(client.counters).toMatchObject({ reconnects: 1, resumes: 1, duplicates: 0 });
  });

  test('a link that the gateway cuts comes back', async () => {
    await join(transport);
    mock.gateway.log.publish(QUOTE, { bid: 2 });
    await until(() => expect(bid()).toBe(2));
    mock.cutAll();
    mock.gateway.log.publish(QUOTE, { bid: 3 });
    await until(() => expect(bid()).toBe(3));
    expectWhole();
  });

  test('a new epoch: snapshots of all, and what is not named is dropped', async () => {
    await join(transport);
    const gone = vi.fn();
    client.on('gone', gone);
    mock.restart('e2').publish(QUOTE, { bid: 7 });
    await until(() => expect(bid()).toBe(7));
    await until(() => expect(gone).toHaveBeenCalledWith({ topic: TRADE }));
    expect(client.topic(TRADE)).toBeUndefined();
    expect(client.cursor).toMatch(/^e2:/);
    expectWhole();
  });

  test('topics come and go', async () => {
    await join(transport);
    mock.gateway.log.publish('book.x.A', { bids: {} });
    client.change(['book.>'], ['trade.>']);
    await until(() => expect(client.topic('book.x.A')).toBeDefined());
    expect(client.topic(TRADE)).toBeUndefined();
    mock.gateway.log.event(TRADE, { id: '2' });
    mock.gateway.log.publish('book.x.A', { bids: { 5: 1 } });
    await until(() => expect(client.topic('book.x.A')?.data).toEqual({ bids: { 5: 1 } }));
    await until(() => expect(client.status).toBe('live'));
    client.drop(1);
    mock.gateway.log.publish('book.x.A', { bids: { 5: 2 } });
    await until(() => expect(client.topic('book.x.A')?.data).toEqual({ bids: { 5: 2 } }));
    expect(client.counters.gaps).toBe(0);
  });

  test('births, deaths and re-bases', async () => {
    await join(transport);
    mock.gateway.log.publish('quote.x.B', { bid: 5 });
    mock.gateway.log.retire(QUOTE);
    mock.gateway.log.reset(TRADE, [{ id: '9' }], 4);
    await until(() => expect(client.counters).toMatchObject({ resets: 1, lost: 4 }));
    await until(() => expect(client.topic(QUOTE)).toBeUndefined());
    mock.gateway.log.publish(QUOTE, { bid: 6 });
    await until(() => expect(bid()).toBe(6));
    expectWhole();
  });

  test('a gap is counted and repaired by snapshots', async () => {
    await join(transport);
    const held = mock.gateway.log.topics.get(QUOTE)!;
    held.seq++;
    mock.gateway.log.publish(QUOTE, { bid: 4 });
    await until(() => expect(bid()).toBe(4));
    await until(() => expect(client.status).toBe('live'));
    expect(client.counters).toMatchObject({ gaps: 1, resumes: 0 });
    expect(client.topic(QUOTE)?.seq).toBe(held.seq);
  });

  test('what died during a gap is dropped', async () => {
    await join(transport);
    mock.gateway.log.topics.get(QUOTE)!.seq++;
    client.on('gap', () => mock.gateway.log.retire(TRADE));
    mock.gateway.log.publish(QUOTE, { bid: 4 });
    await until(() => expect(bid()).toBe(4));
    await until(() => expect(client.topic(TRADE)).toBeUndefined());
  });

  test('another client goes on from the cursor and the states of the first', async () => {
    await join(transport);
    const { cursor } = client;
    const states = [...client.topics()];
    client.close();
    mock.gateway.log.publish(QUOTE, { bid: 8 });
    await join(transport, { cursor, states });
    expect(resumes[0]).toMatchObject({ entries: 1, snapshots: 0 });
    expectWhole();
  });
});

test('one client goes through all transports on one cursor', async () => {
  await join('ws');
  for (const [n, transport] of (['sse', 'poll', 'ws'] as Transport[]).entries()) {
    client.use(transport);
    mock.gateway.log.event(TRADE, { id: String(n + 2) });
    await until(() => expect(resumes.length).toBe(n + 1));
    expect(resumes[n]).toMatchObject({ entries: 1, snapshots: 0 });
  }
  expect(trades()).toBe('1234');
  expectWhole();
});
