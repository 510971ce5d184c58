/** The header of the chart: last price, change, bid and ask. */

import type { Client } from '@fanwire/client';
import { byId, flash, perFrame, setText } from '../dom.ts';
import { decimalsOf, formatPrice } from '../format.ts';

/** What is read of a quote's state; any of it may be absent. */
interface Quote {
  last?: number;
  bid?: number;
  ask?: number;
  change_pct?: number;
}

export class QuotePanel {
  private readonly redraw = perFrame(() => this.draw());
  private topic = '';
  private shown?: number;
  /** The most digits seen, so that the text does not jump when a price happens to end in 0. */
  private decimals = 0;

  constructor(private readonly client: Client) {
    for (const type of ['snapshot', 'delta', 'mark'] as const) {
      client.on(type, ({ state }) => state.topic === this.topic && this.redraw());
    }
  }

  show(market: string): void {
    this.topic = `quote.${market}`;
    this.shown = undefined;
    this.decimals = 0;
    this.redraw();
  }

  private draw(): void {
    const state = this.client.topic(this.topic);
    const { last, bid, ask, change_pct: change } = (state?.data ?? {}) as Quote;
    for (const price of [last, bid, ask])
      if (price !== undefined) this.decimals = Math.max(this.decimals, decimalsOf(price));
    this.drawPrice(last ?? middle(bid, ask));
    setText(byId('bid'), formatPrice(bid, this.decimals));
    setText(byId('ask'), formatPrice(ask, this.decimals));
    setText(byId('change'), change === undefined ? '' : `${change > 0 ? '+' : ''}${change.toFixed(2)}%`);
    byId('change').dataset.way = way(change ?? 0);
    byId('quote-stale').hidden = state?.stale !== true;
  }

  private drawPrice(price: number | undefined): void {
    const element = byId('price');
    setText(element, formatPrice(price, this.decimals));
    if (price !== undefined && this.shown !== undefined && price !== this.shown) {
      element.dataset.way = way(price - this.shown);
      flash(element, 'ticked');
    }
    this.shown = price;
  }
}

function middle(bid?: number, ask?: number): number | undefined {
  return bid === undefined || ask === undefined ? undefined : (bid + ask) / 2;
}

function way(change: number): string {
  return change > 0 ? 'up' : change < 0 ? 'down' : 'flat';
}
