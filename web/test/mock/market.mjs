/** An invented exchange: a random walk per symbol that feeds quote, trade, book and bar topics. */

const MINUTE_MS = 60_000;
const BARS_LIVE = 16;
const BARS_PAST = 500;
const LEVELS = 20;

const SYMBOLS = [
  { symbol: 'BTC-USDT', price: 65083.67, tick: 0.01, decimals: 2, size: 0.4 },
  { symbol: 'ETH-USDT', price: 3521.18, tick: 0.01, decimals: 2, size: 4 },
  { symbol: 'SOL-USDT', price: 172.34, tick: 0.01, decimals: 2, size: 40 },
  { symbol: 'DOGE-USDT', price: 0.16234, tick: 0.00001, decimals: 5, size: 9000 },
];

export class Market {
  constructor(log, random) {
    this.log = log;
    this.random = random;
    this.coins = SYMBOLS.map((coin) => ({ ...coin, open: coin.price, trades: 0, bars: [] }));
    for (const coin of this.coins) this.begin(coin);
  }

  begin(coin) {
    const now = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    for (let back = BARS_PAST; back >= 0; back--) {
      for (let step = 0; step < 20; step++) this.trade(coin, now - back * MINUTE_MS + step, true);
    }
    this.log.publish(`instrument.binance.${coin.symbol}`, instrument(coin));
    this.publishAll(coin);
    this.log.publish('feed.binance', {
      source: 'binance',
      state: 'live',
      gaps: 0,
      resyncs: 0,
      latency_ms_p50: 18,
    });
    this.log.publish('feed.kraken', { source: 'kraken', state: 'stale', gaps: 1, reason: 'silent for 12 s' });
  }

  step() {
    for (const coin of this.coins) {
      if (this.random() < 0.6) this.trade(coin, Date.now(), false);
      this.publishAll(coin);
    }
    if (this.random() < 0.02) this.correct(this.coins[0]);
  }

  publishAll(coin) {
    const { log } = this;
    const at = `binance.${coin.symbol}`;
    const bid = round(coin.price - coin.tick, coin);
    const ask = round(coin.price + coin.tick, coin);
    const change = round(coin.price - coin.open, coin);
    log.publish(`quote.${at}`, {
      bid,
      bid_size: this.size(coin),
      ask,
      ask_size: this.size(coin),
      last: coin.price,
      open: coin.open,
      change,
      change_pct: Number(((change / coin.open) * 100).toFixed(2)),
      volume: Number(coin.bars.reduce((sum, bar) => sum + bar.v, 0).toFixed(4)),
      window: '24h',
    });
    log.publish(`book.${at}`, {
      depth: LEVELS,
      bids: this.side(coin, bid, -1),
      asks: this.side(coin, ask, 1),
    });
    const live = coin.bars.slice(-BARS_LIVE).map(({ t, ...bar }) => [t, bar]);
    log.publish(`bar.1m.${at}`, Object.fromEntries(live));
  }

  /** A late trade changes a bar that was closed. */
  correct(coin) {
    const bar = coin.bars.at(-3);
    Object.assign(bar, { v: Number((bar.v + 0.5).toFixed(4)), n: bar.n + 1, rev: bar.rev + 1 });
  }

  side(coin, from, direction) {
    const held =
      this.log.topics.get(`book.binance.${coin.symbol}`)?.data[direction < 0 ? 'bids' : 'asks'] ?? {};
    const levels = {};
    for (let n = 0; n < LEVELS; n++) {
      const price = String(round(from + direction * n * coin.tick * 3, coin));
      levels[price] = held[price] && this.random() < 0.8 ? held[price] : this.size(coin);
    }
    return levels;
  }

  size(coin) {
    return Number((coin.size * (0.05 + this.random() ** 3 * 3)).toFixed(4));
  }

  trade(coin, time, past) {
    const move = (this.random() - 0.5) * coin.price * 0.0004;
    coin.price = round(coin.price + move, coin);
    const size = this.size(coin);
    this.fold(coin, time, size);
    if (past) return;
    const side = move > 0 ? 'buy' : 'sell';
    const trade = { id: String(++coin.trades), price: coin.price, size, side, te: time };
    this.log.event(`trade.binance.${coin.symbol}`, trade, time);
  }

  fold(coin, time, size) {
    const t = Math.floor(time / MINUTE_MS) * MINUTE_MS;
    const p = coin.price;
    let bar = coin.bars.at(-1);
    if (bar?.t !== t) {
      if (bar) bar.closed = true;
      bar = { t, o: p, h: p, l: p, c: p, v: 0, n: 0, closed: false, rev: 0 };
      coin.bars.push(bar);
      if (coin.bars.length > BARS_PAST) coin.bars.shift();
    }
    const v = Number((bar.v + size).toFixed(4));
    Object.assign(bar, { h: Math.max(bar.h, p), l: Math.min(bar.l, p), c: p, v, n: bar.n + 1 });
  }

  history(topic, limit) {
    const coin = this.coins.find(({ symbol }) => topic === `bar.1m.binance.${symbol}`);
    return coin?.bars.slice(-limit);
  }
}

function instrument({ symbol, tick, decimals }) {
  const [base, quote] = symbol.split('-');
  return { id: symbol, venue: 'binance', base, quote, tick, price_scale: decimals, status: 'trading' };
}

function round(price, { decimals }) {
  return Number(price.toFixed(decimals));
}
