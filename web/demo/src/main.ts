/** The demo page: one connection for all that is on it; each panel takes from it what it shows. */

import { connect, type Transport } from '@fanwire/client';
import { BookPanel } from './market/book.ts';
import { ChartPanel } from './market/chart.ts';
import { QuotePanel } from './market/quote.ts';
import { SymbolPicker } from './market/symbols.ts';
import { TapePanel } from './market/tape.ts';
import { PlaysPanel } from './sport/plays.ts';
import { SCORES, ScoreBoard } from './sport/scores.ts';
import { ConnectionPanel } from './wire/connection.ts';
import { CounterStrip } from './wire/counters.ts';
import { FEEDS, FeedChips } from './wire/feeds.ts';

const base = new URL('./', location.href);
const client = connect({ url: base, transport: wantedTransport(), topics: ['quote.>', SCORES, FEEDS] });

new ConnectionPanel(client);
new CounterStrip(client);
new FeedChips(client);

const marketPanels = [
  new ChartPanel(client, base),
  new QuotePanel(client),
  new BookPanel(client),
  new TapePanel(client),
];
let marketTopics: string[] = [];

const symbols = new SymbolPicker(client, (market) => {
  const topics = [`trade.${market}`, `book.${market}`, `bar.1m.${market}`];
  client.change(topics, marketTopics);
  marketTopics = topics;
  for (const panel of marketPanels) panel.show(market);
});

const plays = new PlaysPanel(client);
new ScoreBoard(client, (id, title) => plays.show(id, title));

void symbols.discover(base);

/** `?transport=sse` opens the page on another transport. */
function wantedTransport(): Transport {
  const wanted = new URLSearchParams(location.search).get('transport');
  return wanted === 'sse' || wanted === 'poll' ? wanted : 'ws';
}
