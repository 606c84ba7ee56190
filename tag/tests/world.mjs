// A site and a Ringfence of its own for the script's tests: two origins on the loopback, and a /t/ that keeps the
// contract of tag/README.md with tokens that are spent once. What it does otherwise is what a test tells it to.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const bundle = (name) => readFile(new URL(`../dist/${name}`, import.meta.url), "utf8");
const SCRIPTS = { "/tag.js": await bundle("tag.js"), "/jsapi/v1/retreaver.min.js": await bundle("moved.js") };

export const LONDON = {
  e164: "+442079460123",
  national: "020 7946 0123",
  international: "+44 20 7946 0123",
};

const listen = (handler) =>
  new Promise((resolve) => {
    const server = createServer(handler);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });

const bodyOf = async (request) => {
  let text = "";
  for await (const part of request) text += part;
  return text;
};

/** The fake Ringfence: `log` is what was asked, `answers` may be replaced by a test. */
export class Ringfence {
  log = [];
  tokens = new Set();
  visits = new Map();
  minted = 0;
  swap = ["+44 20 7946 0000"];
  number = LONDON;
  beat = 20;
  /** The token that stands in the script; undefined leaves the placeholder. */
  script = () => this.token();
  /** Answers POST /t/number when its proof holds. */
  lend = (body, visit) => ({
    number: { ...this.number, lease: `lease-${visit}-${body.campaign ?? ""}`, expires: "2030-01-01T00:00:00Z", campaign: body.campaign },
    visit,
    swap: this.swap,
    beat: this.beat,
  });
  /** Answers POST /t/beat. */
  beaten = () => ({});
  /** Looks at a request before anything else; an answer ends it: { status, text, headers } or "never". */
  before = () => undefined;

  /** Answers who shows a token, once, or the credential of a visit. */
  answer(body) {
    if (body.visit !== undefined) {
      if (!this.visits.has(body.visit)) return { number: null, reason: "visit_expired" };
      return this.lend(body, body.visit);
    }
    if (!body.token) return { number: null, reason: "token_missing" };
    if (!this.tokens.delete(body.token)) return { number: null, reason: "token_spent" };
    const visit = `visit-${this.visits.size + 1}`;
    this.visits.set(visit, body);
    return this.lend(body, visit);
  }

  /** The same answer for pages that were written for Retreaver. */
  vendored({ number, ...rest }, key, { tags }) {
    if (!number) return { number, ...rest, error: rest.reason };
    const { e164, national, international, lease, expires } = number;
    const plain = national.replace(/\D/g, "");
    const attributes = { id: lease + key, campaign_key: key, number: e164, formatted_number: national, plain_number: plain, international, expires, tag_values: tags };
    return { ...rest, site: "KEY", number: attributes };
  }

  token() {
    const token = `token-${++this.minted}`;
    this.tokens.add(token);
    return token;
  }

  async start() {
    this.server = await listen((request, response) => this.serve(request, response).catch(() => response.destroy()));
    this.origin = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** The bodies that were sent to one path. */
  sent(path) {
    return this.log.filter((entry) => entry.path === path).map((entry) => entry.body);
  }

  async serve(request, response) {
    const { pathname: path, searchParams } = new URL(request.url, "http://example.com");
    const text = await bodyOf(request);
    const body = text ? JSON.parse(text) : undefined;
    if (!(path in SCRIPTS)) this.log.push({ path, method: request.method, headers: request.headers, body });
    const cors = { "access-control-allow-origin": request.headers.origin ?? "*", vary: "origin" };
    const early = this.before({ path, body });
    if (early === "never") return;
    if (early) return response.writeHead(early.status ?? 200, { ...cors, ...early.headers }).end(early.text ?? "");
    const json = (value) => response.writeHead(200, { ...cors, "content-type": "application/json" }).end(JSON.stringify(value));
    switch (`${request.method} ${path}`) {
      case "GET /tag.js":
      case "GET /jsapi/v1/retreaver.min.js": {
        const token = this.script();
        const dist = SCRIPTS[path];
        const script = token === undefined ? dist : dist.replace('"__RINGFENCE_TOKEN__"', JSON.stringify(token));
        return response.writeHead(200, { "content-type": "text/javascript" }).end(script);
      }
      case "GET /t/token":
        return json(searchParams.get("site") ? { token: this.token() } : { token: null, reason: "site_unknown" });
      case "GET /api/v1/token":
        return json({ token: this.token() });
      case "POST /api/v1/numbers":
        return json(this.vendored(this.answer(body), searchParams.get("campaign_key"), body));
      case "POST /t/number":
        return json(this.answer(body));
      case "POST /t/beat":
        return json(this.beaten(body));
      case "POST /t/event":
        return response.writeHead(204, cors).end();
      default:
        return response.writeHead(404, cors).end();
    }
  }
}

/** The site: any path serves what a test put there. */
export class Site {
  pages = new Map();

  async start() {
    this.server = await listen((request, response) => {
      const page = this.pages.get(new URL(request.url, "http://example.com").pathname);
      response.writeHead(page === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" }).end(page ?? "");
    });
    // Another host than Ringfence's, so that every request crosses origins.
    this.origin = `http://localhost:${this.server.address().port}`;
    return this;
  }

  stop() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/** One world for a test file: a browser, a site and a Ringfence; each test gets a fresh context from `open`. */
export class World {
  async start() {
    [this.browser, this.site, this.ringfence] = await Promise.all([openBrowser(), new Site().start(), new Ringfence().start()]);
    return this;
  }

  async stop() {
    await this.browser?.close();
    this.site?.stop();
    this.ringfence?.stop();
  }

  /** Ringfence as on its first day. */
  async fresh() {
    this.ringfence?.stop();
    this.ringfence = await new Ringfence().start();
    this.site.pages.clear();
    this.site.pages.set("/favicon.ico", "");
  }

  tag(attributes = "", { site = "KEY", origin = this.ringfence.origin } = {}) {
    return `<script async src="${origin}/tag.js" data-site="${site}" ${attributes}></script>`;
  }

  /** A document with the tag, that keeps each answer of its `number` call in `answers`. */
  html(body, { head = this.tag(), ask = true } = {}) {
    const listener = ask
      ? `<script>
           window.answers = [];
           window.ringfence = window.ringfence || function () { (ringfence.q = ringfence.q || []).push(arguments) };
           ringfence('number', {}, (number, reason) => answers.push({ number, reason }));
         </script>`
      : `<script>window.answers = []</script>`;
    return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>020 7946 0000</title><link rel="icon" href="data:,">${listener}${head}</head><body>${body}</body></html>`;
  }

  /** Opens a path in a context; what the console and the page complained of is in `page.complaints`. */
  async open(path = "/", { context, referer, prepare } = {}) {
    context ??= await this.browser.newContext({ locale: "en-GB" });
    const page = await context.newPage();
    page.complaints = [];
    page.on("pageerror", (error) => page.complaints.push(String(error)));
    page.on("console", (message) => message.type() === "error" && page.complaints.push(message.text()));
    await prepare?.(page);
    await page.goto(this.site.origin + path, { referer });
    return page;
  }

  /** Puts a body on the front page and opens it, up to the first answer. */
  async show(body, options = {}) {
    this.site.pages.set("/", this.html(body, options));
    const page = await this.open(options.path ?? "/", options);
    await answered(page);
    return page;
  }
}

export const answered = async (page, count = 1) => {
  await page.waitForFunction((least) => window.answers.length >= least, count);
  return page.evaluate(() => window.answers);
};

/** Lets everything that is due in the page happen: tasks, microtasks and one frame. */
export const settled = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0))));
