// Whether a visitor may be asked about: what the page's tag says, what the browser says (Global Privacy Control,
// Do Not Track), and what Google's consent mode says. Keeps nothing.

interface Signals {
  globalPrivacyControl?: boolean;
  doNotTrack?: any;
}

/** Whether the browser objects in one of the ways that the site honours: `gpc`, `dnt`. */
export const objects = (honoured = ""): boolean | undefined =>
  (/gpc/.test(honoured) && (navigator as Signals).globalPrivacyControl) || (/dnt/.test(honoured) && (navigator as Signals).doNotTrack == 1);

/**
 * Follows Google's consent mode: tells `decided` whether all of `kinds` (`ad_storage`, `analytics_storage` …) are granted, as soon as
 * the page's `dataLayer` says so of all of them, and at each change.
 */
export function followGoogle(kinds: string[], decided: (granted: boolean) => void): void {
  const page = window as unknown as { dataLayer?: unknown[] };
  const layer = (page.dataLayer ??= []);
  const known: Record<string, unknown> = {};
  let last: boolean | undefined;
  const read = (entry: any) => {
    if (entry?.[0] !== "consent") return;
    Object.assign(known, entry[2]);
    const granted = kinds.every((kind) => known[kind] === "granted");
    // Denied by default only means that nobody was asked yet.
    if (granted === last || !kinds.every((kind) => known[kind]) || (last === undefined && !granted && entry[1] === "default")) return;
    decided((last = granted));
  };
  layer.forEach(read);
  const push = layer.push;
  layer.push = function (this: unknown[], ...entries: unknown[]) {
    const done = push.apply(this, entries);
    entries.forEach((entry) => {
      try {
        read(entry);
      } catch {
        // The page's own business.
      }
    });
    return done;
  };
}
