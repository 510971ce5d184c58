/** What the tests use of the mock. */

interface Held {
  topic: string;
  kind: 'state' | 'event';
  seq: number;
  stale: boolean;
  data: unknown;
}

interface Log {
  readonly cursor: string;
  readonly topics: Map<string, Held>;
  publish(topic: string, state: object): void;
  event(topic: string, event: object): void;
  mark(topic: string, stale: boolean): void;
  reset(topic: string, data: unknown, lost?: number): void;
  retire(topic: string): void;
  matching(patterns: string[]): Held[];
}

export function startGateway(options?: {
  port?: number;
  silent?: boolean;
  feeds?: boolean;
  epoch?: string;
  entriesMax?: number;
}): Promise<{
  url: string;
  gateway: { log: Log };
  restart(epoch?: string): Log;
  cutAll(): void;
  close(): Promise<void>;
}>;
