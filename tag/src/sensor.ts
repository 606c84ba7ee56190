// Counts what a page does that locks its visitor in, from when the tag has loaded: full screen, keyboard, pointer, dialogs, a question
// before leaving. What the page calls does what it always did; nothing is kept but the counts.

/** How often each was called, by its own name; `addEventListener` counts questions before leaving alone. */
export type Counts = Record<string, number>;

// Where prefixes are told from browser to browser, a part of the name is enough.
const WATCHED: [owner: any, names: RegExp][] = [
  [Element.prototype, /equest(Full|Poi)/],
  [(navigator as any).keyboard, /^lock/],
  [window, /^(alert|confirm|prompt)$/],
  [EventTarget.prototype, /^addE/],
];

/** Begins to count, and answers with the counts so far. */
export function sensor(): () => Counts {
  const counts: Counts = {};
  for (const [owner, names] of WATCHED)
    for (const name in owner)
      try {
        if (names.test(name))
          // A proxy looks like what it stands for, be it called or printed.
          owner[name] = new Proxy(owner[name], {
            apply(...call: [native: any, self: any, all: any[]]) {
              if (name !== "addEventListener" || call[2][0] === "beforeunload") counts[name] = -~counts[name];
              return Reflect.apply(...call);
            },
          });
      } catch {
        // The page has put something else in its place.
      }
  return () => {
    if (onbeforeunload) counts.addEventListener ||= 1;
    return counts;
  };
}
