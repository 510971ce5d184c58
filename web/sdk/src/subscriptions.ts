/**
 * What is subscribed, and how much of it the cursor covers: a cursor speaks only for subscriptions whose `ok` came
 * before it (protocol, Cursor rule), so it may be given back only together with those.
 */
export class Subscriptions {
  private readonly patterns = new Set<string>();
  private readonly covered = new Set<string>();
  /** Answered by `ok`, waiting for the next cursor. */
  private readonly acknowledged = new Set<string>();
  /** Sent, waiting for `ok`; by operation id. */
  private readonly sent = new Map<number, string[]>();

  get all(): string[] {
    return [...this.patterns];
  }

  get uncovered(): string[] {
    return this.all.filter((pattern) => !this.covered.has(pattern));
  }

  get coveredNow(): string[] {
    return this.all.filter((pattern) => this.covered.has(pattern));
  }

  /** True while an answer to a subscription is due. */
  get waiting(): boolean {
    return this.sent.size > 0;
  }

  /** Returns those that are new. */
  add(patterns: string[]): string[] {
    const added = patterns.filter((pattern) => !this.patterns.has(pattern));
    for (const pattern of added) this.patterns.add(pattern);
    return [...new Set(added)];
  }

  /** Returns those that were there. */
  remove(patterns: string[]): string[] {
    return patterns.filter((pattern) => {
      this.covered.delete(pattern);
      this.acknowledged.delete(pattern);
      return this.patterns.delete(pattern);
    });
  }

  asked(id: number, patterns: string[]): void {
    this.sent.set(id, patterns);
  }

  answered(id: number): void {
    for (const pattern of this.sent.get(id) ?? []) this.acknowledged.add(pattern);
    this.sent.delete(id);
  }

  /** Returns what was refused and is now forgotten. */
  refused(id: number): string[] {
    const patterns = this.sent.get(id) ?? [];
    this.sent.delete(id);
    return this.remove(patterns);
  }

  /** A cursor came. */
  cover(): void {
    for (const pattern of this.acknowledged) if (this.patterns.has(pattern)) this.covered.add(pattern);
    this.acknowledged.clear();
  }

  /** The request itself carried all topics (SSE, poll). */
  acknowledgeAll(): void {
    for (const pattern of this.patterns) this.acknowledged.add(pattern);
  }

  coverAll(): void {
    this.acknowledgeAll();
    this.cover();
  }

  /** A link closed: what was under way is void. `keepCover`: the cursor is kept too. */
  reset(keepCover: boolean): void {
    this.sent.clear();
    this.acknowledged.clear();
    if (!keepCover) this.covered.clear();
  }
}
