/** Topic patterns: `*` stands for one token, a last `>` for the rest (at least one token). */
export function matches(pattern: string, topic: string): boolean {
  const want = pattern.split('.');
  const have = topic.split('.');
  for (let at = 0; at < want.length; at++) {
    if (want[at] === '>') return have.length > at;
    if (at >= have.length) return false;
    if (want[at] !== '*' && want[at] !== have[at]) return false;
  }
  return want.length === have.length;
}

export function matchesAny(patterns: Iterable<string>, topic: string): boolean {
  for (const pattern of patterns) if (matches(pattern, topic)) return true;
  return false;
}
