import type { Event } from './message.ts';

/** The list after `fresh` events: `edit` and `remove` act on the event of the same id. Bounded to the newest `max`. */
export function applyEvents(held: readonly Event[], fresh: readonly Event[], max: number): readonly Event[] {
  const list = [...held];
  for (const event of fresh) applyEvent(list, event);
  return list.length > max ? list.slice(list.length - max) : list;
}

function applyEvent(list: Event[], event: Event): void {
  const action = event.action ?? 'add';
  const at = action === 'add' ? -1 : list.findLastIndex((e) => e.id === event.id);
  if (action === 'remove') {
    if (at >= 0) list.splice(at, 1);
  } else if (at >= 0) {
    list[at] = event;
  } else {
    // Why also for an edit: what it corrects may be older than what is kept.
    list.push(event);
  }
}
