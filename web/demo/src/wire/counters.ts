/** What the connection has done so far, refreshed a few times a second. */

import type { Client } from '@fanwire/client';
import { byTestId, setText } from '../dom.ts';

const REFRESH_MS = 250;
const WINDOW_MS = 2000;

export class CounterStrip {
  /** Totals of messages at past refreshes, for the rate. */
  private readonly totals: { at: number; messages: number }[] = [];
  private lagMs?: number;

  constructor(private readonly client: Client) {
    client.on('message', (message) => {
      // Only what is live: a snapshot may be as old as its topic is quiet.
      if ('o' in message && message.o !== undefined && message.ts !== undefined)
        this.lagMs = Date.now() - message.ts;
    });
    setInterval(() => this.draw(), REFRESH_MS);
  }

  private draw(): void {
    const { messages, reconnects, resumes, gaps, lost } = this.client.counters;
    const counts = { messages, reconnects, resumes, gaps, lost };
    for (const [name, count] of Object.entries(counts))
      setText(byTestId(name), count.toLocaleString('en-US'));
    setText(byTestId('rate'), String(this.rate(messages)));
    setText(byTestId('lag'), this.lagMs === undefined ? '–' : `${this.lagMs} ms`);
    setText(byTestId('cursor'), this.client.cursor ?? '–');
    byTestId('gaps').classList.toggle('bad', gaps > 0);
    byTestId('lost').classList.toggle('bad', lost > 0);
  }

  private rate(messages: number): number {
    const at = performance.now();
    this.totals.push({ at, messages });
    while (this.totals.length > 2 && at - this.totals[0]!.at > WINDOW_MS) this.totals.shift();
    const first = this.totals[0]!;
    return at > first.at ? Math.round(((messages - first.messages) / (at - first.at)) * 1000) : 0;
  }
}
