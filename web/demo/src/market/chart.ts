/** The chart panel: asks for the history once the live bar topic is there, and joins the two. */

import { type Client, fetchHistory, type History, parseCursor, type TopicState } from '@fanwire/client';
import { byId, perFrame, setText } from '../dom.ts';
import { decimalsOf, formatPrice, formatSize } from '../format.ts';
import { BarLine } from './bars.ts';
import { Canvas } from './canvas.ts';

const HISTORY_LIMIT = 500;
const RETRY_MS = 2000;

export class ChartPanel {
  private readonly canvas = new Canvas(byId('chart'));
  private readonly redraw = perFrame(() => this.draw());
  private line = new BarLine();
  private topic = '';
  private decimals = 2;
  /** The newest bar on the canvas. */
  private drawnTo = Number.NEGATIVE_INFINITY;
  private pending: Map<number, true> | 'all' = new Map();
  private request?: AbortController;
  private framed = false;

  constructor(
    private readonly client: Client,
    private readonly base: URL,
  ) {
    client.on('snapshot', ({ state, replaced }) => this.follow(state, replaced));
    client.on('delta', ({ state }) => this.follow(state, false));
  }

  show(market: string): void {
    this.topic = `bar.1m.${market}`;
    this.request?.abort();
    this.request = undefined;
    this.line = new BarLine();
    this.framed = false;
    this.ask('all');
    const held = this.client.topic(this.topic);
    if (held) this.follow(held, true);
  }

  private follow(state: TopicState, whole: boolean): void {
    if (state.topic !== this.topic) return;
    const joins = this.line.joins(state.data);
    this.ask(this.line.setLive(state.epoch, state.seq, state.data));
    if (whole && !joins) void this.load();
  }

  private async load(): Promise<void> {
    if (this.request) return;
    const request = new AbortController();
    this.request = request;
    try {
      const history = await fetchHistory(this.base, this.topic, { limit: HISTORY_LIMIT }, request.signal);
      if (request.signal.aborted) return;
      this.request = undefined;
      this.takeHistory(history);
    } catch {
      if (!request.signal.aborted) setTimeout(() => this.again(request), RETRY_MS);
    }
  }

  private takeHistory(history: History): void {
    this.framed = false;
    this.ask(this.line.setHistory(parseCursor(history.cursor)?.epoch ?? '', history));
  }

  private again(request: AbortController): void {
    if (this.request !== request) return;
    this.request = undefined;
    void this.load();
  }

  private ask(redraw: ReturnType<BarLine['setLive']>): void {
    if (redraw === 'all') this.pending = 'all';
    else if (this.pending !== 'all') for (const bar of redraw) this.pending.set(bar.t, true);
    this.redraw();
  }

  private draw(): void {
    const bars = this.line.sorted();
    const { pending } = this;
    this.pending = new Map();
    if (pending === 'all') this.drawAll(bars);
    else
      this.canvas.draw(
        bars.filter(({ t }) => pending.has(t)),
        this.drawnTo,
      );
    this.drawnTo = bars.at(-1)?.t ?? Number.NEGATIVE_INFINITY;
    this.describe();
  }

  private drawAll(bars: ReturnType<BarLine['sorted']>): void {
    this.decimals = Math.max(0, ...bars.slice(-16).flatMap(({ o, h, l, c }) => [o, h, l, c].map(decimalsOf)));
    this.canvas.setDecimals(this.decimals);
    this.canvas.drawAll(bars);
    if (this.framed || bars.length === 0) return;
    this.framed = true;
    this.canvas.showNewest(bars.length);
  }

  private describe(): void {
    const { last } = this.line;
    setText(byId('candle-count'), String(this.line.count));
    const at = (price: number) => formatPrice(price, this.decimals);
    const text =
      last && `O ${at(last.o)}  H ${at(last.h)}  L ${at(last.l)}  C ${at(last.c)}  V ${formatSize(last.v)}`;
    setText(byId('last-candle'), text ?? 'waiting for candles');
  }
}
