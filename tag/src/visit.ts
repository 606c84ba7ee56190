// What is remembered of a visit from page to page: its credential and its first page. Nothing is read or written
// before the first call, so that consent can be waited for. A browser that keeps nothing is served page by page.

/** One stay of this browser on a site. */
export interface Visit {
  /** The server's credential for this visit; empty before its first answer. */
  credential: string;
  /** Where the visit began. */
  first: Place;
  /** The campaign parameters that it began with. */
  marks: string;
  /** The token that it spent: a script from the browser's cache may carry it again. */
  spent?: string;
  /** The last sign of life, ms since 1970. */
  seen: number;
  /** The last answer that brought a number, by the campaign that was asked for. */
  kept?: Record<string, unknown>;
  /** This browser stores it. */
  stored?: boolean;
}

/** A page and what linked to it. */
export interface Place {
  page: string;
  referrer: string;
}

/** JSON, whatever libraries of old have taught texts and lists to become in it. */
export const json = (value: unknown) =>
  JSON.stringify(value, function (this: any, key, made) {
    const own = this[key];
    return typeof own === "object" && !Array.isArray(own) ? made : own;
  });

const IDLE = 30 * 60_000;
const URL_LIMIT = 2000;
const keyOf = (site: string) => `ringfence:${site}`;

/** This page, without its fragment: what stands there is the page's own business. */
export const here = (): Place => ({
  page: location.href.split("#")[0].slice(0, URL_LIMIT),
  referrer: document.referrer.slice(0, URL_LIMIT),
});

/** What is stored of the visit: `null` when it is nothing, `undefined` when there is no storage, or somebody else's text in it. */
const stored = (site: string): Visit | null | undefined => {
  try {
    return JSON.parse(localStorage.getItem(keyOf(site))!);
  } catch {}
};

/** The visit under way, or a new one: after half an hour of silence, or when another campaign brought the visitor. */
export function currentVisit(site: string, inMemory?: Visit): Visit {
  let visit = stored(site) ?? inMemory;
  const marks = "" + (location.search.match(/\b(utm_\w+|\w*clid)=[^&]*/g) ?? "");
  if (!visit?.first || !(Date.now() - visit.seen < IDLE) || (marks && marks !== visit.marks))
    visit = { credential: "", first: here(), marks, spent: visit?.spent } as Visit;
  return visit;
}

/** Remembers the visit, with a sign of life of now. */
export function remember(site: string, visit: Visit): void {
  visit.seen = Date.now();
  try {
    localStorage.setItem(keyOf(site), json(visit));
    visit.stored = true;
  } catch {
    // Then this page alone knows it.
  }
}

/** Whether another page of this browser has forgotten the visit since. */
export const isForgotten = (site: string, visit: Visit) => visit.stored && stored(site) === null;

/** Forgets the visit and its activation. */
export function forget(site: string): void {
  try {
    localStorage.removeItem(keyOf(site));
    sessionStorage.removeItem(keyOf(site));
  } catch {
    // There was nothing to forget.
  }
}

/**
 * The campaign that the page's URL asks for in `parameter`, or asked for on an earlier page in this tab; empty when it names none,
 * `undefined` when the parameter never came.
 */
export function activation(site: string, parameter: string): string | undefined {
  let campaign = new URLSearchParams(location.search).get(parameter);
  try {
    if (campaign === null) campaign = sessionStorage.getItem(keyOf(site));
    else sessionStorage.setItem(keyOf(site), campaign);
  } catch {
    // Then this page alone is activated.
  }
  return campaign ?? undefined;
}

/** Calls `changed` after each change of the page's URL that comes without a load. The page's own history stays as it is. */
export function onRoute(changed: () => void): void {
  const { navigation } = window as unknown as { navigation?: EventTarget };
  let last = location.href;
  if (navigation) navigation.addEventListener("currententrychange", changed);
  // Browsers of before 2026 tell of no change.
  else setInterval(() => last === (last = location.href) || changed(), 250);
}
