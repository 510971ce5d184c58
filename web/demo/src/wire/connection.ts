/** The controls of the connection: its status, its transport, the button that cuts it, and what a resume said. */

import type { Client, ResumeReport, Transport } from '@fanwire/client';
import { byId, flash, setText } from '../dom.ts';

/** Long enough to see it gone. */
const DROP_MS = 1500;

export class ConnectionPanel {
  constructor(private readonly client: Client) {
    client.on('status', ({ status, reason }) => this.drawStatus(status, reason));
    client.on('resume', (report) => this.say(describe(report)));
    client.on('gap', ({ topic, held, needed }) =>
      this.say(`Gap in ${topic}: held ${held ?? 'nothing'}, needed ${needed}`),
    );
    client.on('error', ({ code, message }) => this.say(`The gateway says ${code}: ${message ?? ''}`));
    client.on('bye', ({ code }) => this.say(`The gateway closed the connection: ${code}`));
    byId('drop').addEventListener('click', () => this.drop());
    byId('transport').addEventListener('change', (event) => this.switchTo(event.target as HTMLInputElement));
    this.check(client.transport);
  }

  private drop(): void {
    this.say(`Dropped at ${this.client.cursor ?? 'the start'}, back in a moment…`);
    this.client.drop(DROP_MS);
  }

  private switchTo({ value }: HTMLInputElement): void {
    this.client.use(value as Transport);
  }

  private check(transport: Transport): void {
    const input = document.querySelector<HTMLInputElement>(`input[name=transport][value=${transport}]`);
    if (input) input.checked = true;
  }

  private drawStatus(status: string, reason?: string): void {
    const element = byId('status');
    element.dataset.status = status;
    element.title = reason ?? '';
    setText(element, status);
  }

  private say(text: string): void {
    setText(byId('resume'), text);
    flash(byId('resume'), 'ticked');
  }
}

export function describe({ from, entries, snapshots, lost, full, took_ms: took }: ResumeReport): string {
  const parts = [count(entries, 'entry', 'entries', ' replayed')];
  if (snapshots > 0 || full)
    parts.push(count(snapshots, 'snapshot', 'snapshots', full ? ' of everything' : ''));
  parts.push(lost === null ? 'an unknown number lost' : lost > 0 ? `${lost} lost` : 'nothing lost');
  return `Resumed from ${from}: ${parts.join(', ')} (${Math.round(took)} ms)`;
}

function count(n: number, one: string, many: string, rest: string): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}${rest}`;
}
