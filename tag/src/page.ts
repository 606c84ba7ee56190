// The one global, `ringfence`: what the page calls, before and after the tags have loaded. All tags of a page share it,
// be they of several sites or several installations.

/** One call of the page: its arguments. */
export type Command = Iterable<unknown> & { taken?: boolean };

/** The global: a function that carries what the tags share. */
export interface Shared {
  (...command: unknown[]): void;
  /** Calls so far, for tags that load later. */
  q: Command[];
  /** A handler for each tag, in the order of loading. */
  tags: ((command: Command) => void)[];
  /** The last request of each site, which the next one waits for: it may bring the credential. */
  turns: Record<string, Promise<unknown>>;
  /** Tags that run already; a page that runs one twice means one. */
  running: Record<string, true>;
}

const KEPT = 100;

/** The global, made or taken over from the page's stub. */
export function shared(): Shared {
  const page = window as unknown as { ringfence?: Partial<Shared> };
  const before = page.ringfence;
  if (before?.tags) return before as Shared;
  const made = function () {
    made.q.push(arguments);
  } as unknown as Shared;
  made.q = [...(before?.q ?? [])];
  made.tags = [];
  made.turns = {};
  made.running = {};
  // The stub may have been kept by the page and pushes here: both ways lead to the tags.
  made.q.push = (command: Command) => {
    if (made.q.length < KEPT) made.q[made.q.length] = command;
    made.tags.forEach((tag) => tag(command));
    return made.q.length;
  };
  page.ringfence = made;
  return made;
}
