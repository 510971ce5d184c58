import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { TopicMessage } from '../src/message.js';
import { TopicStore } from '../src/store.js';

/** What the gateway's own test holds its wire to; the same bytes are read here. */
const wire = (name: string): string =>
  readFileSync(new URL(`../../../docs/wire/${name}`, import.meta.url), 'utf8');

const TOPICAL = new Set(['snap', 'delta', 'append', 'mark', 'gone']);

function follow(messages: { t: string; epoch?: string }[]): TopicStore {
  const store = new TopicStore();
  for (const message of messages) {
    if (message.epoch) store.epoch = message.epoch;
    if (!TOPICAL.has(message.t)) continue;
    const outcome = store.apply(message as TopicMessage);
    expect(outcome.kind, JSON.stringify(message)).not.toBe('gap');
  }
  return store;
}

function check(store: TopicStore): void {
  const quote = store.get('quote.binance.BTC-USDT');
  expect(quote).toMatchObject({ seq: 3, stale: false, data: { bid: 65080 } });
  expect(store.get('score.nhl.1')).toBeUndefined();
}

test('the golden WebSocket messages are followed without a gap', () => {
  const messages = wire('websocket.jsonl').trim().split('\n');
  const store = follow(messages.map((line) => JSON.parse(line)));
  check(store);
  expect(store.get('trade.binance.BTC-USDT')?.events.map((event) => event.id)).toEqual(['48', '49']);
});

test('the golden SSE stream holds one JSON message a block, and ids that are cursors', () => {
  const blocks = wire('sse.txt').trim().split('\n\n');
  const parsed = blocks.map((block) =>
    Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s))),
  );
  const messages = parsed.map((block) => JSON.parse(block.data));
  check(follow(messages));
  for (const [at, message] of messages.entries()) {
    const cursor = message.cursor ?? (message.o && `d0wn200000:${message.o}`);
    expect(parsed[at]?.id).toBe(cursor);
  }
});
