/** Notices a link that is open but says nothing: asks after 1.5 heartbeats of silence, gives up after 2.5. */
export class Watchdog {
  private timer?: ReturnType<typeof setInterval>;
  private lastHeard = 0;

  constructor(
    private readonly ask: () => void,
    private readonly giveUp: () => void,
  ) {}

  start(heartbeatMs: number): void {
    this.stop();
    this.heard();
    this.timer = setInterval(() => this.check(heartbeatMs), heartbeatMs / 2);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  heard(): void {
    this.lastHeard = performance.now();
  }

  private check(heartbeatMs: number): void {
    const silence = performance.now() - this.lastHeard;
    if (silence > 2.5 * heartbeatMs) this.giveUp();
    else if (silence > 1.5 * heartbeatMs) this.ask();
  }
}
