// The tag: asks for a number when the page calls for one, gives it to the page's callback, and shows it.
// Whatever goes wrong, the page's own number stands and the page hears why; nothing is ever thrown at it.
// In this order they compress best.
import { sensor } from "./sensor";
import { type PhoneNumber, type Rewrite, rewrite } from "./formats";
import { type Command, shared } from "./page";
import { followGoogle, objects } from "./consent";
import { swapper } from "./swap";
import { activation, currentVisit, forget, here, isForgotten, json, onRoute, remember, type Visit } from "./visit";

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
/** A lease that is kept alive. */
interface Beat {
  lease: string;
  /** Milliseconds between two signs of life. */
  period: number;
  /** When the last one was given, ms since 1970. */
  last: number;
  /** What to swap when the number must be asked for again. */
  swap?: string[];
}
type Callback = (number: Lent | null, reason?: string) => void;

/** What the server puts into the script: `build.mjs` makes the bundle a function that is called with it. */
declare const RINGFENCE_TOKEN: string;

const refuse = (reason: string): Answer => ({ number: null, reason });
// Who was given a number, and is told when it is taken back.
const holders: Callback[] = [];
// In a task of its own: an error in the page's callback is the page's, and is seen as such.
const tell = (callback: unknown, { number, reason }: Answer) => {
  if (typeof callback !== "function") return;
  if (number) holders.push(callback as Callback);
  setTimeout(callback as Callback, 0, number, reason);
};

function run(script: HTMLScriptElement): void {
  const { site, activate, callback, swap, consent = "always", honour, swapImages, swapAfter } = script.dataset;
  if (!site) return;
  const host = new URL(script.src).origin;
  const all = shared();
  const identity = JSON.stringify([host, script.dataset]);
  if (all.running[identity]) return;
  all.running[identity] = true;
  const counts = sensor();

  let token = RINGFENCE_TOKEN;
  const loaded = Date.now();
  if (/^__/.test(token)) token = "";
  let visit: Visit | undefined;
  let tags: Record<string, string> = {};
  // Counts releases: an answer to a question from before one comes too late.
  let era = 0;
  const show = swapper(swapImages !== undefined);
  const shown = new Map<string | null, Rewrite[]>();
  const beats = new Map<string | null, Beat>();
  // A page whose server wrote its texts, and whose scripts take them over, must find them as they were.
  const refresh = () => (swapAfter && document.readyState !== "complete") || show([...shown.values()].flat());
  addEventListener("load", () => setTimeout(refresh));

  // A page that is rendered beforehand may never be seen.
  const rendered = new Promise<unknown>((resolve) =>
    (document as any).prerendering ? document.addEventListener("prerenderingchange", resolve) : resolve(0),
  );
  let decide!: (allowed: boolean) => void;
  let allowed = new Promise<boolean>((resolve) => (decide = resolve));
  let own!: Promise<Answer>;
  // The answer to a page that calls for a number without being activated.
  let called: Promise<Answer> | undefined;
  let activated: string | null = null;
  let refused: boolean | undefined;

  const send = async (path: string, body?: object, signal?: AbortSignal): Promise<Reply> => {
    const response = await fetch(host + "/t/" + path, {
      method: body && "POST",
      body: body && json({ site, ...body }),
      credentials: "omit",
      keepalive: !signal,
      signal,
    });
    return JSON.parse((await response.text()) || "{}") ?? {};
  };
  // Beats and events: lost ones are not worth a word.
  const report = (path: string, body: object) => send(path, { visit: visit?.credential, ...body }).catch(() => ({}) as Reply);
  const event = (body: object) => visit?.credential && report("event", body);

  const display = (campaign: string | null, { number, swap: listed }: Reply, targets?: string[]) => {
    if (!/^\+\d+$/.test(number?.e164!)) return;
    const list = targets ?? (campaign === activated ? (swap?.split(",") ?? listed ?? []) : []);
    shown.set(campaign, list.map((target) => rewrite(target, number!)));
    refresh();
    return number;
  };

  const ask = async (campaign: string | null, targets?: string[]): Promise<Answer> => {
    const started = era;
    // Later pages of the visit show its number at once, while its lease runs: nothing flickers, and nothing moves.
    visit = currentVisit(site, visit);
    const kept = visit.kept?.[campaign as string] as Reply | null;
    if (Date.parse(kept?.number?.expires!) > Date.now()) display(campaign, kept!, targets);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), 10_000);
    const question = async (): Promise<Reply> => {
      const mine = visit!;
      // The server's tokens hold for five minutes.
      if (token === mine.spent || Date.now() - loaded > 4 * 60_000) token = "";
      for (let asked; ; ) {
        if (!mine.credential && !token) {
          asked = true;
          const { token: fresh, reason } = await send("token?site=" + site, undefined, abort.signal);
          if (!fresh) return refuse(reason || "token_missing");
          token = fresh;
        }
        const proof = mine.credential ? { visit: mine.credential } : { token };
        if (!mine.credential) {
          mine.spent = token;
          token = "";
        }
        const reply = await send("number", { ...proof, ...here(), first: mine.first, language: navigator.language, campaign, tags, calls: counts() }, abort.signal);
        if (reply.visit) mine.credential = reply.visit;
        mine.kept = { ...mine.kept, [campaign as string]: reply.number && reply };
        if (started === era) remember(site, mine);
        if (reply.number || asked || !/^(token|visit)_/.test(reply.reason!)) return reply;
        mine.credential = token = "";
      }
    };
    let reply: Reply;
    try {
      reply = await question();
    } catch {
      reply = refuse(abort.signal.aborted ? "timeout" : "network");
    }
    clearTimeout(timer);
    beats.delete(campaign);
    if (started !== era) {
      if (reply.number) report("event", { visit: reply.visit, lease: reply.number.lease, kind: "release" });
      return refuse("released");
    }
    const number = display(campaign, reply, targets);
    if (number) {
      // The dashboard's link to test a page tells within seconds what it found.
      beats.set(campaign, { lease: number.lease, period: /rf-test/.test(location.search) ? 3000 : reply.beat! * 1000, last: Date.now(), swap: targets });
      return { number };
    }
    shown.delete(campaign);
    refresh();
    return refuse(reply.reason || "malformed");
  };

  // One request of a site at a time, over all its tags.
  const inTurn = (campaign: string | null, targets?: string[]) =>
    (all.turns[host + site] = (all.turns[host + site] ?? rendered).then(() => ask(campaign, targets)).catch(() => refuse("malformed"))) as Promise<Answer>;

  let reported: string | undefined;
  // Which numbers stand on the page, once for each page: the dashboard shows where they do not.
  const found = (rewrites: Rewrite[]) => {
    // A page that still loads tells again when it has.
    if (reported === (reported = location.pathname + document.readyState)) return;
    rewrites.forEach((rewrite) => (rewrite.found = false));
    refresh();
    return rewrites.map(({ wanted, found }) => [wanted, found]);
  };
  const tick = () =>
    beats.forEach(async (beat, campaign) => {
      // Consent was taken back on another page.
      if (consent !== "always" && isForgotten(site, visit!)) return commands.consent(false, 0);
      if (document.visibilityState !== "visible" || Date.now() - beat.last < beat.period) return;
      beat.last = Date.now();
      remember(site, visit!);
      const { reason } = await report("beat", { ...here(), lease: beat.lease, calls: counts(), targets: found(shown.get(campaign)!) });
      // Reasons that say nothing of the lease.
      if (!reason || /^(too_many|unavailable)/.test(reason) || beats.get(campaign) !== beat) return;
      // The lease is over, and the number may be somebody else's.
      const again = inTurn(campaign, beat.swap);
      // Taken back for good: withheld, withdrawn.
      again.then((known) => /^with/.test(known.reason!) && holders.splice(0).forEach((holder) => tell(holder, known)));
      if (campaign === activated) called ? (called = again) : (own = again);
    });
  // Often enough that a page that is looked at again, or comes back from the browser's back-forward cache, tells so soon.
  setInterval(tick, 1000);

  const parameter = /^url:(.+)/.exec(activate ?? "")?.[1];
  const begin = () => {
    own = allowed.then((yes): Answer | Promise<Answer> => {
      if (!yes) return refuse("consent");
      const campaign = parameter ? activation(site, parameter) : activate ? undefined : "";
      if (campaign === undefined) return refuse("not_activated");
      // What another campaign was shown goes when this one's answer comes.
      shown.delete(activated);
      beats.delete(activated);
      activated = campaign || null;
      return inTurn(activated);
    });
    called = undefined;
  };

  const end = (reason: string) => {
    era++;
    beats.forEach(({ lease }) => event({ lease, kind: "release" }));
    beats.clear();
    if (visit) {
      visit.kept = undefined;
      remember(site, visit);
    }
    shown.clear();
    refresh();
    own = Promise.resolve(refuse(reason));
  };

  const commands: Record<string, (first: any, second: any) => void> = {
    number: (options: NumberOptions | undefined, done) => {
      const { campaign, tags: more, swap: targets } = options ?? {};
      Object.assign(tags, more);
      const answer = campaign
        ? allowed.then((yes) => (yes ? inTurn("" + campaign, targets) : refuse("consent")))
        : own.then((known) => (known.reason === "not_activated" ? (called ??= inTurn(null)) : known));
      answer.then((known) => tell(done, known));
    },
    tag: (more) => {
      Object.assign(tags, more);
      event({ kind: "tag", data: more });
    },
    event: (name, data) => (called ?? own).then(() => void event({ kind: "event", name, data })),
    consent: (yes) => {
      if (consent === "off") return;
      decide(yes);
      allowed = Promise.resolve(yes);
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
      const [name, first, second] = command as Iterable<any>;
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
      const named = (await allowed) ? activation(site, parameter) : undefined;
      if (named !== undefined && (named || null) !== activated) begin();
    });
  if (callback)
    own.then((answer) => {
      // The page may define it after this script has run.
      const call = () => {
        let named: any = window;
        for (const name of callback.split(".")) named = named?.[name];
        tell(named, answer);
        return named;
      };
      if (!call()) addEventListener("load", call);
    });
  all.tags.push(handle);
  all.q.forEach(handle);
}

try {
  run((document.currentScript ?? document.querySelector("script[data-site][src*='/tag.js']")) as HTMLScriptElement);
} catch {
  // No script element, no address, or a browser of another age: the page's own number stands.
}
