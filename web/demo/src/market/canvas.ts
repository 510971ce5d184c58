/** The drawing of candles and volume: knows lightweight-charts, and nothing of topics. */

import type { Bar } from '@fanwire/client';
import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from 'lightweight-charts';

const UP = '#2ebd85';
const DOWN = '#f6465d';
const BARS_IN_VIEW = 110;

export class Canvas {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<'Candlestick'>;
  private readonly volume: ISeriesApi<'Histogram'>;

  constructor(host: HTMLElement) {
    this.chart = createChart(host, {
      autoSize: true,
      layout: {
        background: { color: 'transparent' },
        textColor: '#8a97a8',
        fontFamily: 'inherit',
        attributionLogo: true,
      },
      grid: { vertLines: { color: '#18212e' }, horzLines: { color: '#18212e' } },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, timeVisible: true, secondsVisible: false, rightOffset: 4 },
    });
    const colors = {
      upColor: UP,
      wickUpColor: UP,
      downColor: DOWN,
      wickDownColor: DOWN,
      borderVisible: false,
    };
    this.candles = this.chart.addSeries(CandlestickSeries, colors);
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.06, bottom: 0.24 } });
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  }

  setDecimals(decimals: number): void {
    this.candles.applyOptions({
      priceFormat: { type: 'price', precision: decimals, minMove: 10 ** -decimals },
    });
  }

  drawAll(bars: Bar[]): void {
    this.candles.setData(bars.map(candle));
    this.volume.setData(bars.map(column));
  }

  /** `newest`: the open time of the last bar that is drawn; older ones are corrections. */
  draw(bars: Bar[], newest: number): void {
    for (const bar of bars) {
      this.candles.update(candle(bar), bar.t < newest);
      this.volume.update(column(bar), bar.t < newest);
    }
  }

  showNewest(count: number): void {
    this.chart.timeScale().setVisibleLogicalRange({ from: count - BARS_IN_VIEW, to: count + 4 });
  }
}

function candle({ t, o, h, l, c }: Bar) {
  return { time: seconds(t), open: o, high: h, low: l, close: c };
}

function column({ t, o, c, v }: Bar) {
  return { time: seconds(t), value: v ?? 0, color: c >= o ? `${UP}66` : `${DOWN}66` };
}

function seconds(ms: number): UTCTimestamp {
  return Math.floor(ms / 1000) as UTCTimestamp;
}
