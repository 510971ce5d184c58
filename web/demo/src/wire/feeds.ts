/** A chip per feed with its state. */

import type { Client } from '@fanwire/client';
import { byId, make, perFrame } from '../dom.ts';

export const FEEDS = 'feed.>';

export class FeedChips {
  private readonly redraw = perFrame(() => this.draw());

  constructor(private readonly client: Client) {
    for (const type of ['snapshot', 'delta', 'mark'] as const) {
      client.on(type, ({ state }) => state.topic.startsWith('feed.') && this.redraw());
    }
    client.on('gone', ({ topic }) => topic.startsWith('feed.') && this.redraw());
  }

  private draw(): void {
    const feeds = [...this.client.topics(FEEDS)].sort((a, b) => a.topic.localeCompare(b.topic));
    byId('feeds').replaceChildren(
      ...feeds.map(({ topic, data, stale }) =>
        chip(topic.slice(5), stale ? 'stale' : String(data.state ?? '?'), data.reason),
      ),
    );
  }
}

function chip(name: string, state: string, reason: unknown): HTMLElement {
  const item = make('li', 'chip', name, make('span', '', state));
  item.dataset.state = state;
  item.dataset.testid = `feed-${name}`;
  if (typeof reason === 'string') item.title = reason;
  return item;
}
