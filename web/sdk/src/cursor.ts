/** A cursor is `epoch:offset`: a place in one named log, meaningless in any other. */

export interface Cursor {
  epoch: string;
  offset: number;
}

/** `undefined` for a text that is no cursor. */
export function parseCursor(text: string): Cursor | undefined {
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  if (colon < 1 || !/^\d+$/.test(digits)) return undefined;
  return { epoch: text.slice(0, colon), offset: Number(digits) };
}

export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}:${cursor.offset}`;
}
