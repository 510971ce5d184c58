/** The symbol selector: filled from the catalogue, and from quotes that are born later. A market is `provider.symbol`. */

import { type Client, fetchTopics } from '@fanwire/client';
import { byId, make } from '../dom.ts';

const FAVOURITE = 'binance.BTC-USDT';

export class SymbolPicker {
  private readonly select = byId<HTMLSelectElement>('symbol');
  private readonly markets = new Set<string>();
  private chosen?: string;

  constructor(
    client: Client,
    private readonly choose: (market: string) => void,
  ) {
    this.select.addEventListener('change', () => this.pick(this.select.value));
    client.on('snapshot', ({ state }) => state.topic.startsWith('quote.') && this.add([state.topic]));
  }

  async discover(base: URL): Promise<void> {
    const lines = await fetchTopics(base, 'quote.>').catch(() => []);
    this.add(lines.map(({ topic }) => topic));
  }

  private add(topics: string[]): void {
    const before = this.markets.size;
    for (const topic of topics) this.markets.add(topic.slice('quote.'.length));
    if (this.markets.size === before) return;
    this.fill();
    const [first] = this.markets;
    if (this.markets.has(FAVOURITE) && this.chosen === undefined) this.pick(FAVOURITE);
    else if (this.chosen === undefined && first !== undefined) this.pick(first);
  }

  private pick(market: string): void {
    this.chosen = market;
    this.select.value = market;
    this.choose(market);
  }

  private fill(): void {
    const options = [...this.markets].sort().map((market) => {
      const [provider = '', ...symbol] = market.split('.');
      const option = make('option', '', `${symbol.join('.')} · ${provider}`);
      option.value = market;
      return option;
    });
    this.select.replaceChildren(...options);
    if (this.chosen !== undefined) this.select.value = this.chosen;
  }
}
