/** Numbers and times as the page shows them. */

const DECIMALS_MAX = 10;

/** Digits after the point of a number as the gateway wrote it. */
export function decimalsOf(value: number): number {
  const text = value.toString();
  const [mantissa = '', exponent] = text.split('e');
  const digits = mantissa.split('.')[1]?.length ?? 0;
  return Math.min(DECIMALS_MAX, Math.max(0, digits - Number(exponent ?? 0)));
}

export function formatPrice(value: number | undefined, decimals: number): string {
  if (value === undefined) return '–';
  return value.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Four significant digits, thousands shortened. */
export function formatSize(value: number): string {
  const [unit, by] =
    value >= 1e9 ? ['B', 1e9] : value >= 1e6 ? ['M', 1e6] : value >= 1e4 ? ['k', 1e3] : ['', 1];
  return `${Number((value / by).toPrecision(4))}${unit}`;
}

/** `12:05` */
export function formatClock(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}
