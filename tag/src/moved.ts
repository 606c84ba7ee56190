// For pages that were written for Retreaver: the global that they use, with this server behind it. It asks with the token that
// the server put into this script, keeps the lease alive and tells tags as the tag does; whatever goes wrong, the page hears why.
import { objects } from "./consent";
import { type Rewrite, rewrite } from "./formats";
import { sensor } from "./sensor";
import { swapper } from "./swap";
import { currentVisit, here, json, remember, type Visit } from "./visit";

declare const RINGFENCE_TOKEN: string;

type Tags = Record<string, unknown>;
type Heard = (value: any) => void;
interface Attributes extends Tags {
  id: string;
  number: string;
  formatted_number: string;
  international: string;
  tag_values: Tags;
}
interface Reply {
  number?: Attributes | null;
  reason?: string;
  error?: string;
  token?: string | null;
  visit?: string;
  site?: string;
  swap?: string[];
  beat?: number;
}
/** What is kept of a number beside what the page may read. */
interface Held {
  /** The campaign key that it was asked for with. */
  key: string;
  site: string;
  /** Milliseconds between two signs of life. */
  period: number;
  /** When the last one was given, ms since 1970. */
  last: number;
  /** Its lease is over, and no sign of life is given any more. */
  over?: boolean;
}

const PATIENCE = 10_000;
// The server's tokens hold for five minutes.
const FRESH = 4 * 60_000;
// Reasons to refuse a beat that say nothing of its lease.
const TRANSIENT = /^(too_many|unavailable)/;
// Each campaign has a visit of its own, and so a number of its own: two on one page may be of two sites.
const STORED = "moved:";
const NO_CALLS = "call_back_refused: no page may have this server ring a number";

const script = (document.currentScript ?? document.querySelector("script[src*='/jsapi/v1/retreaver']")) as HTMLScriptElement | null;
const host = new URL(script?.src || location.href).origin;
const loaded = Date.now();
let token = /^__/.test(RINGFENCE_TOKEN) ? "" : RINGFENCE_TOKEN;
const visits = new Map<string, Visit>();
let turn: Promise<unknown> = new Promise((resolve) =>
  (document as any).prerendering ? document.addEventListener("prerenderingchange", resolve, { once: true }) : resolve(0),
);
const counts = sensor();
const show = swapper(false);
const shown = new Map<string, Rewrite[]>();
const numbers = new Map<RetreaverNumber, Held>();

// In a task of its own: an error in the page's callback is the page's, and is seen as such.
const tell = (heard: unknown, value: unknown) => {
  if (typeof heard === "function") setTimeout(heard as Heard, 0, value);
};
const refresh = () => show([...shown.values()].flat());

const send = async (path: string, body?: object, signal?: AbortSignal): Promise<Reply> => {
  const response = await fetch(host + path, {
    method: body ? "POST" : "GET",
    body: body && json(body),
    credentials: "omit",
    keepalive: !signal,
    signal,
  });
  return JSON.parse((await response.text()) || "{}") ?? {};
};
const report = (path: string, { key, site }: Held, lease: string, body: object = {}) =>
  send("/t/" + path, { site, visit: visits.get(key)?.credential, lease, ...body });

const ask = async (key: string, tags: Tags): Promise<Reply> => {
  if (objects(script?.dataset.honour)) return { reason: "consent" };
  const query = "campaign_key=" + encodeURIComponent(key);
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE);
  const mine = currentVisit(STORED + key, visits.get(key));
  visits.set(key, mine);
  if (token === mine.spent || Date.now() - loaded > FRESH) token = "";
  try {
    for (let asked = false; ; ) {
      if (!mine.credential && !token) {
        asked = true;
        const reply = await send("/api/v1/token?" + query, undefined, abort.signal);
        if (!reply.token) return reply;
        token = reply.token;
      }
      const proof = mine.credential ? { visit: mine.credential } : { token };
      if (!mine.credential) {
        mine.spent = token;
        token = "";
      }
      const reply = await send("/api/v1/numbers?" + query, { ...proof, ...here(), first: mine.first, language: navigator.language, tags, calls: counts() }, abort.signal);
      if (reply.visit) mine.credential = reply.visit;
      remember(STORED + key, mine);
      if (reply.number || asked || !/^(token|visit)_/.test(reply.reason!)) return reply;
      mine.credential = token = "";
    }
  } catch {
    return { reason: abort.signal.aborted ? "timeout" : "network" };
  } finally {
    clearTimeout(timer);
  }
};
// One request at a time: the first one brings the visit's credential.
const inTurn = (key: string, tags: Tags): Promise<Reply> => {
  const answer = turn.then(() => ask(key, tags));
  turn = answer;
  return answer;
};

/** Shows the number in the place of the site's own; `earlier` is one that the page may have written itself. */
const display = (key: string, { number, swap }: Reply, earlier?: string) => {
  const form = { e164: number!.number, national: number!.formatted_number, international: number!.international };
  shown.set(key, [...(swap ?? []), ...(earlier ? [earlier] : [])].map((target) => rewrite(target, form)));
  refresh();
};
const hold = (number: RetreaverNumber, key: string, { site, beat }: Reply) => numbers.set(number, { key, site: site!, period: (beat || 20) * 1000, last: Date.now() });
const reasonOf = ({ reason = "malformed", error }: Reply) => (error ? reason + ": " + error : reason);

/** What the page's callback is given. */
class RetreaverNumber {
  attributes: Attributes;

  constructor(attributes: Attributes) {
    this.attributes = attributes;
  }
  get(name: string) {
    return this.attributes[name];
  }
  set(name: string, value: unknown) {
    this.attributes[name] = value;
  }
  add_tags(tags: Tags, done?: Heard, failed?: Heard) {
    Object.assign(this.attributes.tag_values, tags);
    this.#told({ kind: "tag", data: tags }, done, failed);
  }
  replace_tags(tags: Tags, done?: Heard, failed?: Heard) {
    const gone = Object.entries(this.attributes.tag_values).filter(([key]) => !(key in tags));
    this.attributes.tag_values = { ...tags };
    this.#removed(Object.fromEntries(gone));
    this.#told({ kind: "tag", data: tags }, done, failed);
  }
  remove_tags(tags: Tags, done?: Heard, failed?: Heard) {
    const { tag_values: known } = this.attributes;
    const gone = Object.entries(tags).filter(([key, value]) => String(known[key]) === String(value));
    for (const [key] of gone) delete known[key];
    this.#removed(Object.fromEntries(gone), done, failed);
  }
  remove_tags_by_keys(keys: string | string[], done?: Heard, failed?: Heard) {
    const { tag_values: known } = this.attributes;
    const gone: Tags = {};
    for (const key of Array.isArray(keys) ? keys : [keys])
      if (key in known) {
        gone[key] = known[key];
        delete known[key];
      }
    this.#removed(gone, done, failed);
  }
  clear_tags(done?: Heard, failed?: Heard) {
    this.remove_tags_by_keys(Object.keys(this.attributes.tag_values), done, failed);
  }
  clear_all_tags(done?: Heard, failed?: Heard) {
    this.clear_tags(done, failed);
  }
  release(done?: Heard, failed?: Heard) {
    const { key, over } = numbers.get(this)!;
    if (over) return tell(done, this);
    // Another number object of the page may stand for the same lease: all of them are over.
    numbers.forEach((held, { attributes: { id } }) => id === this.attributes.id && (held.over = true));
    shown.delete(key);
    refresh();
    this.#told({ kind: "release" }, done, failed);
  }
  initiate_call(_dial: unknown, _payload?: unknown, _done?: Heard, failed?: Heard) {
    tell(failed, NO_CALLS);
  }
  #removed(data: Tags, done?: Heard, failed?: Heard) {
    if (!Object.keys(data).length) return tell(done, this);
    this.#told({ kind: "event", name: "tags_removed", data }, done, failed);
  }
  #told(body: object, done?: Heard, failed?: Heard) {
    report("event", numbers.get(this)!, this.attributes.id, body).then(
      (reply) => (reply.reason ? tell(failed, reasonOf(reply)) : tell(done, this)),
      () => tell(failed, "network"),
    );
  }
}

/** A campaign of the page, by its key. */
class Campaign {
  key: string;

  constructor(options?: { campaign_key?: string }) {
    this.key = String(options?.campaign_key ?? "");
  }
  get(name: string) {
    return name === "campaign_key" ? this.key : undefined;
  }
  request_number(tags?: Tags | Heard | null, done?: Heard, failed?: Heard) {
    if (typeof tags === "function") {
      failed = done;
      done = tags as Heard;
      tags = {};
    }
    const given = { ...(tags as Tags) };
    inTurn(this.key, given).then((reply) => {
      if (!/^\+\d+$/.test(reply.number?.number!)) return tell(failed, reasonOf(reply));
      const number = new RetreaverNumber({ ...reply.number!, tag_values: given });
      display(this.key, reply);
      hold(number, this.key, reply);
      tell(done, number);
    });
  }
  auto_replace_numbers(tags?: Tags | Heard | null, done?: Heard, failed?: Heard) {
    this.request_number(tags, done, failed);
  }
}

// Often enough that a page that is looked at again tells so soon.
setInterval(() => {
  if (document.visibilityState !== "visible") return;
  numbers.forEach(async (held, number) => {
    if (held.over || Date.now() - held.last < held.period) return;
    held.last = Date.now();
    remember(STORED + held.key, visits.get(held.key)!);
    const { reason } = await report("beat", held, number.attributes.id, { ...here(), calls: counts() }).catch(() => ({}) as Reply);
    if (!reason || TRANSIENT.test(reason) || held.over) return;
    // The lease is over, and the number may be somebody else's.
    held.over = true;
    const reply = await inTurn(held.key, number.attributes.tag_values);
    if (!reply.number) {
      shown.delete(held.key);
      return refresh();
    }
    const earlier = number.attributes.number;
    Object.assign(number.attributes, reply.number, { tag_values: number.attributes.tag_values });
    display(held.key, reply, earlier);
    hold(number, held.key, reply);
  });
}, 1000);

(window as any).Retreaver = {
  // The page may go on naming the vendor's host here: this script speaks to the server that it came from, and to no other.
  configure() {},
  Campaign,
  Number: RetreaverNumber,
};
