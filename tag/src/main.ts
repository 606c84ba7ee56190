// The tag: asks for a number when the page calls for one, gives it to the page's callback, and shows it.
// Whatever goes wrong, the page's own number stands and the page hears why; nothing is ever thrown at it.
import { followGoogle, objects } from "./consent";
import { type PhoneNumber, type Rewrite, rewrite } from "./formats";
import { type Command, shared } from "./page";
import { swapper } from "./swap";
import { activation, currentVisit, forget, here, onRoute, remember, type Visit } from "./visit";

interface Lent extends PhoneNumber {
  lease: string;
  expires: string;
  campaign: string | null;
}
interface Answer {
  number: Lent | null;
  reason?: string;
}
interface Reply extends Partial<Answer> {
  token?: string | null;
  visit?: string;
  swap?: string[];
  beat?: number;
}
interface NumberOptions {
  campaign?: string;
  tags?: Record<string, string>;
  swap?: string[];
  site?: string;
}
type Callback = (number: Lent | null, reason?: string) => void;

const PATIENCE = 10_000;
// The server's tokens hold for five minutes.
const FRESH = 4 * 60_000;
// Reasons to refuse a beat that say nothing of its lease.
const TRANSIENT = /^(too_many|unavailable)/;
const refuse = (reason: string): Answer => ({ number: null, reason });
// In a task of its own: an error in the page's callback is the page's, and is seen as such.
const tell = (callback: unknown, { number, reason }: Answer) => {
  if (typeof callback === "function") setTimeout(callback as Callback, 0, number, reason);
};

function run(script: HTMLScriptElement): void {
  const { site, activate, callback, swap, consent = "always", honour, swapImages } = script.dataset;
  if (!site) return;
  const host = new URL(script.src).origin;
  const all = shared();
  const identity = JSON.stringify([host, script.dataset]);
  if (all.running[identity]) return;
  all.running[identity] = true;

  // The server puts its token here.
  let token = "__RINGFENCE_TOKEN__";
  const loaded = Date.now();
  if (/^__/.test(token)) token = "";
  let visit: Visit | undefined;
  let tags: Record<string, string> = {};
  // Counts releases: an answer to a question from before one comes too late.
  let era = 0;
  const show = swapper(swapImages !== undefined);
  const shown = new Map<string | null, Rewrite[]>();
  const beats = new Map<string | null, () => void>();
  const held = new Set<string>();
  const refresh = () => show([...shown.values()].flat());

  // A page that is rendered beforehand may never be seen.
  const rendered = new Promise<unknown>((resolve) =>
    (document as any).prerendering ? document.addEventListener("prerenderingchange", resolve, { once: true }) : resolve(0),
  );
  let decide!: (allowed: boolean) => void;
  let allowed = new Promise<boolean>((resolve) => (decide = resolve));
  let own!: Promise<Answer>;
  // The answer to a page that calls for a number without being activated.
  let called: Promise<Answer> | undefined;
  let activated: string | null = null;
  let refused = false;

  const send = async (path: string, body?: object, signal?: AbortSignal): Promise<Reply> => {
    const response = await fetch(host + "/t/" + path, {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify({ site, ...body }),
      credentials: "omit",
      cache: "no-store",
      keepalive: !!body && !signal,
      signal,
    });
    return JSON.parse((await response.text()) || "{}") ?? {};
  };
  // Beats and events: lost ones are not worth a word.
  const report = (path: string, body: object) => send(path, { visit: visit?.credential, ...body }).catch(() => ({}) as Reply);
  const event = (kind: string, name?: unknown, data?: unknown, lease: string | null = null) =>
    visit?.credential && report("event", { lease, kind, name: name ?? null, data: data ?? {} });

  const question = async (campaign: string | null, started: number, signal: AbortSignal): Promise<Reply> => {
    const mine = (visit = currentVisit(site, visit));
    if (token === mine.spent || Date.now() - loaded > FRESH) token = "";
    for (let asked = false; ; ) {
      if (!mine.credential && !token) {
        asked = true;
        const { token: fresh, reason } = await send("token?site=" + encodeURIComponent(site), undefined, signal);
        if (!fresh) return refuse(reason || "token_missing");
        token = fresh;
      }
      const proof = mine.credential ? { visit: mine.credential } : { token };
      if (!mine.credential) {
        mine.spent = token;
        token = "";
      }
      const reply = await send("number", { ...proof, ...here(), first: mine.first, language: navigator.language, campaign, tags }, signal);
      if (reply.visit) mine.credential = reply.visit;
      if (started === era) remember(site, mine);
      if (reply.number || asked || !/^(token|visit)_/.test(reply.reason!)) return reply;
      mine.credential = token = "";
    }
  };

  const ask = async (campaign: string | null, targets?: string[]): Promise<Answer> => {
    const started = era;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), PATIENCE);
    let reply: Reply;
    try {
      reply = await question(campaign, started, abort.signal);
    } catch {
      reply = refuse(abort.signal.aborted ? "timeout" : "network");
    }
    clearTimeout(timer);
    beats.get(campaign)?.();
    const number = reply.number && /^\+\d{5,15}$/.test(reply.number.e164) ? reply.number : null;
    if (started !== era) {
      if (number) report("event", { visit: reply.visit, lease: number.lease, kind: "release", name: null, data: {} });
      return refuse("released");
    }
    if (number) {
      number.national ||= number.e164;
      number.international ||= number.e164;
      beat(campaign, number.lease, reply.beat, targets);
      const list = targets ?? (campaign === null || campaign === activated ? (swap?.split(",") ?? reply.swap ?? []) : []);
      shown.set(campaign, list.map((target) => rewrite(target, number)));
    } else shown.delete(campaign);
    refresh();
    return number ? { number } : refuse(reply.reason || "malformed");
  };

  // One request of a site at a time, over all its tags.
  const inTurn = (campaign: string | null, targets?: string[]): Promise<Answer> => {
    const turn = (all.turns[host + site] ?? rendered).then(() => ask(campaign, targets)).catch(() => refuse("malformed"));
    all.turns[host + site] = turn;
    return turn;
  };

  const beat = (campaign: string | null, lease: string, seconds: number | undefined, targets?: string[]) => {
    const period = Math.max(1, Number(seconds) || 20) * 1000;
    let last = Date.now();
    const tick = async () => {
      // Timers are not exact, and in a hidden page they are late.
      if (document.visibilityState !== "visible" || Date.now() - last < period * 0.9) return;
      last = Date.now();
      remember(site, visit!);
      const { reason } = await report("beat", { lease });
      if (!reason || TRANSIENT.test(reason) || beats.get(campaign) !== stop) return;
      // The lease is over, and the number may be somebody else's.
      const again = inTurn(campaign, targets);
      if (campaign === activated) called ? (called = again) : (own = again);
    };
    const timer = setInterval(tick, period);
    const stop = () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
      removeEventListener("pageshow", tick);
      beats.delete(campaign);
      held.delete(lease);
    };
    document.addEventListener("visibilitychange", tick);
    // Back from the browser's back-forward cache.
    addEventListener("pageshow", tick);
    beats.set(campaign, stop);
    held.add(lease);
  };

  const parameter = /^url:(.+)/.exec(activate ?? "")?.[1];
  let begun = "";
  const begin = () => {
    begun = location.search;
    own = allowed.then((yes): Answer | Promise<Answer> => {
      if (!yes) return refuse("consent");
      const campaign = parameter ? activation(site, parameter) : activate ? undefined : "";
      if (campaign === undefined) return refuse("not_activated");
      activated = campaign || null;
      return inTurn(activated);
    });
    called = undefined;
  };

  const end = (reason: string) => {
    era++;
    held.forEach((lease) => event("release", null, null, lease));
    beats.forEach((stop) => stop());
    shown.clear();
    refresh();
    own = Promise.resolve(refuse(reason));
  };

  const commands: Record<string, (first: any, second: any) => void> = {
    number: (options: NumberOptions | undefined, done) => {
      const { campaign, tags: more, swap: targets } = options ?? {};
      Object.assign(tags, more);
      const answer = campaign
        ? allowed.then((yes) => (yes ? inTurn(String(campaign), targets) : refuse("consent")))
        : own.then((known) => (known.reason === "not_activated" ? (called ??= inTurn(null)) : known));
      answer.then((known) => tell(done, known));
    },
    tag: (more) => {
      Object.assign(tags, more);
      event("tag", null, more);
    },
    event: (name, data) => (called ?? own).then(() => void event("event", name, data)),
    consent: (yes) => {
      if (consent === "off") return;
      decide(!!yes);
      allowed = Promise.resolve(!!yes);
      if (!yes) {
        end("consent");
        forget(site);
        visit = undefined;
        tags = {};
        refused = true;
      } else if (refused) {
        refused = false;
        begin();
      }
    },
    release: () => end("released"),
  };

  const handle = (command: Command) => {
    try {
      const [name, first, second] = Array.from(command) as [string, any, any];
      if (name === "number") {
        if (command.taken || (first?.site ? first.site !== site : all.tags[0] !== handle)) return;
        command.taken = true;
      }
      commands[name]?.(first, second);
    } catch {
      // Not a call that means anything.
    }
  };

  const google = /^google(?::(.+))?$/.exec(consent);
  if (google) followGoogle((google[1] ?? "ad_storage").split(/[\s,]+/), (granted) => commands.consent(granted, 0));
  else if (consent !== "wait") decide(consent !== "off" && !objects(honour));
  begin();
  // A page that is an application changes its URL without a load: it may be activated now, or for another campaign.
  if (parameter)
    onRoute(async () => {
      if (location.search === begun || !new URLSearchParams(location.search).has(parameter)) return;
      begun = location.search;
      if (!refused && (await allowed) && (activation(site, parameter) || null) !== activated) begin();
    });
  if (callback)
    own.then((answer) => {
      // The page may define it after this script has run.
      const call = () => {
        const named = callback.split(".").reduce((from: any, name) => from?.[name], window);
        tell(named, answer);
        return named;
      };
      if (!call()) addEventListener("load", call, { once: true });
    });
  all.tags.push(handle);
  all.q.slice().forEach(handle);
}

try {
  run((document.currentScript ?? document.querySelector("script[data-site][src*='/tag.js']")) as HTMLScriptElement);
} catch {
  // No script element, no address, or a browser of another age: the page's own number stands.
}
