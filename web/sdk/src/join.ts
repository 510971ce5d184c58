/** The time from an opened link until the gateway says that the connection is whole; counts what came meanwhile. */

import type { TopicMessage } from './message.ts';

/** What a resume brought. */
export interface ResumeReport {
  /** The cursor that was given. */
  from: string;
  /** The cursor the gateway stated when the connection was whole again. */
  to: string;
  /** Log entries that were replayed. */
  entries: number;
  /** Snapshots that came instead of entries. */
  snapshots: number;
  /** Events that could not be delivered; `null` when nobody knows how many. */
  lost: number | null;
  /** True if the cursor was too old or foreign and everything came as snapshots. */
  full: boolean;
  /** From the opened link until whole. */
  took_ms: number;
}

export class Join {
  private entries = 0;
  private snapshots = 0;
  private lost: number | null = 0;
  private readonly began = performance.now();

  /** `cursor`: what the link was opened with; `undefined` for a fresh start. */
  constructor(readonly cursor?: string) {}

  count(message: TopicMessage): void {
    const isSnapshot = message.t === 'snap' && message.o === undefined;
    if (isSnapshot) this.snapshots++;
    else this.entries++;
    if (message.t !== 'snap' || message.lost === undefined) return;
    this.lost = this.lost === null || message.lost === null ? null : this.lost + message.lost;
  }

  /** `undefined` if it was no resume. */
  report(to: string, full: boolean): ResumeReport | undefined {
    if (this.cursor === undefined) return undefined;
    const { entries, snapshots, lost } = this;
    return { from: this.cursor, to, entries, snapshots, lost, full, took_ms: performance.now() - this.began };
  }
}
