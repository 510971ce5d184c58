/**
 * The candles of one bar topic: history below, the live topic's state on top. Pure.
 *
 * Why no gap: the live state always holds the last 16 bars whole, and the history says at which seq it is true, so
 * whichever came later decides a bar that is in both.
 */

import type { Bar, History, JsonObject } from '@fanwire/client';

/** What to draw anew: nothing, single bars, or everything. */
export type Redraw = 'all' | Bar[];

export class BarLine {
  private readonly bars = new Map<number, Bar>();
  /** Of both seqs. */
  private epoch = '';
  private historySeq = 0;
  private liveSeq = 0;

  get count(): number {
    return this.bars.size;
  }

  get last(): Bar | undefined {
    return this.sorted().at(-1);
  }

  /** Ascending by open time. */
  sorted(): Bar[] {
    return [...this.bars.values()].sort((a, b) => a.t - b.t);
  }

  /** What the history says of a bar counts if it is not older than the live state; it always fills what is missing. */
  setHistory(epoch: string, { seq, data }: Pick<History, 'seq' | 'data'>): Redraw {
    if (this.epoch === '') this.epoch = epoch;
    const isNewer = epoch === this.epoch && seq >= this.liveSeq;
    this.historySeq = isNewer ? seq : 0;
    for (const bar of data) if (isNewer || !this.bars.has(bar.t)) this.bars.set(bar.t, bar);
    return 'all';
  }

  /** The state of the live topic. Bars that left it stay here: they are only too old for it. */
  setLive(epoch: string, seq: number, state: JsonObject): Redraw {
    if (epoch !== this.epoch) this.historySeq = 0;
    this.epoch = epoch;
    this.liveSeq = seq;
    if (seq < this.historySeq) return [];
    const changed = liveBars(state).filter((bar) => !same(bar, this.bars.get(bar.t)));
    const newest = this.newest();
    const inserted = changed.some((bar) => bar.t < newest && !this.bars.has(bar.t));
    for (const bar of changed) this.bars.set(bar.t, bar);
    return inserted ? 'all' : changed;
  }

  /** False if the live state begins after the last bar held: bars between them may be missing. */
  joins(state: JsonObject): boolean {
    const [oldest] = liveBars(state);
    return oldest === undefined || oldest.t <= this.newest();
  }

  private newest(): number {
    let newest = Number.NEGATIVE_INFINITY;
    for (const t of this.bars.keys()) newest = Math.max(newest, t);
    return newest;
  }
}

/** Ascending by open time. */
function liveBars(state: JsonObject): Bar[] {
  const bars = Object.entries(state).map(([t, bar]) => ({ ...(bar as object), t: Number(t) }) as Bar);
  return bars.filter(({ t, c }) => Number.isFinite(t) && typeof c === 'number').sort((a, b) => a.t - b.t);
}

function same(a: Bar, b: Bar | undefined): boolean {
  return (
    b !== undefined && a.o === b.o && a.h === b.h && a.l === b.l && a.c === b.c && a.v === b.v && a.n === b.n
  );
}
