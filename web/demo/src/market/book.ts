/** The depth ladder: both sides of the order book, best first, with a bar for the size that has summed up. */

import type { Client, Json } from '@fanwire/client';
import { byId, make, perFrame, setText } from '../dom.ts';
import { decimalsOf, formatPrice, formatSize } from '../format.ts';

const LEVELS = 20;

interface Level {
  price: number;
  size: number;
  /** Of this level and all better ones. */
  depth: number;
}

type Row = { root: HTMLElement; price: HTMLElement; size: HTMLElement };

export class BookPanel {
  private readonly redraw = perFrame(() => this.draw());
  private readonly bids = makeSide('bids');
  private readonly asks = makeSide('asks');
  private topic = '';

  constructor(private readonly client: Client) {
    byId('book').append(this.bids.root, this.asks.root);
    for (const type of ['snapshot', 'delta'] as const) {
      client.on(type, ({ state }) => state.topic === this.topic && this.redraw());
    }
    client.on('gone', ({ topic }) => topic === this.topic && this.redraw());
  }

  show(market: string): void {
    this.topic = `book.${market}`;
    this.redraw();
  }

  private draw(): void {
    const data = this.client.topic(this.topic)?.data ?? {};
    const bids = levels(data.bids, -1);
    const asks = levels(data.asks, 1);
    const decimals = Math.max(0, ...[...bids, ...asks].map(({ price }) => decimalsOf(price)));
    const depth = Math.max(bids.at(-1)?.depth ?? 0, asks.at(-1)?.depth ?? 0);
    fill(this.bids.rows, bids, depth, decimals);
    fill(this.asks.rows, asks, depth, decimals);
    setText(byId('spread'), spread(bids[0], asks[0], decimals));
  }
}

/** Best first; `direction` is 1 for rising prices. */
export function levels(side: Json | undefined, direction: 1 | -1): Level[] {
  const sorted = Object.entries((side ?? {}) as Record<string, number>)
    .map(([price, size]) => ({ price: Number(price), size, depth: 0 }))
    .sort((a, b) => (a.price - b.price) * direction)
    .slice(0, LEVELS);
  let depth = 0;
  for (const level of sorted) level.depth = depth += level.size;
  return sorted;
}

function spread(bid: Level | undefined, ask: Level | undefined, decimals: number): string {
  return bid && ask ? `spread ${formatPrice(ask.price - bid.price, decimals)}` : '';
}

function makeSide(name: 'bids' | 'asks'): { root: HTMLElement; rows: Row[] } {
  const body = make('tbody');
  const rows = Array.from({ length: LEVELS }, () => makeRow(body));
  const heads = [make('th', '', 'Price'), make('th', '', 'Size')];
  const caption = make('caption', 'hidden', name === 'bids' ? 'Bids' : 'Asks');
  const root = make('table', `side ${name}`, caption, make('thead', '', make('tr', '', ...heads)), body);
  for (const head of heads) head.scope = 'col';
  return { root, rows };
}

function makeRow(body: HTMLElement): Row {
  const [price, size] = [make('td', 'at'), make('td')];
  const root = make('tr', '', price, size);
  body.append(root);
  return { root, price, size };
}

function fill(rows: Row[], side: Level[], depth: number, decimals: number): void {
  for (const [n, row] of rows.entries()) {
    const level = side[n];
    setText(row.price, level ? formatPrice(level.price, decimals) : '');
    setText(row.size, level ? formatSize(level.size) : '');
    row.root.style.setProperty(
      '--depth',
      level && depth > 0 ? `${((level.depth / depth) * 100).toFixed(1)}%` : '0%',
    );
  }
}
