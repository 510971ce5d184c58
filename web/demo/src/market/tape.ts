/** The trades tape: the newest events of the trade topic. */

import type { Client, Event } from '@fanwire/client';
import { byId, make, perFrame, setText } from '../dom.ts';
import { decimalsOf, formatPrice, formatSize, formatTime } from '../format.ts';

const ROWS_MAX = 60;

export class TapePanel {
  private readonly list = byId('tape');
  private readonly redraw = perFrame(() => this.draw());
  private topic = '';
  private waiting: Event[] = [];
  private decimals = 0;

  constructor(private readonly client: Client) {
    client.on('snapshot', ({ state, fresh, replaced }) => {
      if (state.topic !== this.topic) return;
      if (replaced) this.clear();
      this.take(fresh);
    });
    client.on('append', ({ state, fresh }) => state.topic === this.topic && this.take(fresh));
  }

  show(market: string): void {
    this.topic = `trade.${market}`;
    this.decimals = 0;
    this.clear();
    this.take([...(this.client.topic(this.topic)?.events ?? [])]);
  }

  private clear(): void {
    this.waiting = [];
    this.list.replaceChildren();
  }

  private take(events: Event[]): void {
    this.waiting = [...this.waiting, ...events].slice(-ROWS_MAX);
    this.redraw();
  }

  private draw(): void {
    for (const { price } of this.waiting) {
      if (typeof price === 'number') this.decimals = Math.max(this.decimals, decimalsOf(price));
    }
    this.list.prepend(...this.waiting.reverse().map((trade) => row(trade, this.decimals)));
    this.waiting = [];
    while (this.list.children.length > ROWS_MAX) this.list.lastElementChild?.remove();
    setText(byId('tape-note'), this.list.children.length === 0 ? 'none yet' : '');
  }
}

function row({ price, size, side, te }: Event, decimals: number): HTMLElement {
  const at = make(
    'span',
    side === 'buy' ? 'buy' : side === 'sell' ? 'sell' : '',
    formatPrice(price as number, decimals),
  );
  const time = make('time', '', typeof te === 'number' ? formatTime(te) : '');
  return make('li', '', at, make('span', '', formatSize(Number(size))), time);
}
