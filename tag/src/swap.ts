// Shows numbers on the page: finds the targets in texts, links and labels, in open shadow roots and in frames of the
// same origin, keeps watching, and can put everything back.
// Never touches what is not read by people, nor what the page's owner has marked.
import { hasDigits, JOINT, type Rewrite } from "./formats";
import { drawn } from "./image";

const LEFT_ALONE =
  "head,script,style,textarea,select,noscript,template,[contenteditable]:not([contenteditable=false i]),[data-rf-ignore]";
// Elements within which a number may be split; at the edge of any other, text ends.
const INLINE =
  /^(A|ABBR|B|BDI|BDO|BIG|CITE|CODE|DATA|DEL|DFN|EM|FONT|I|INS|KBD|LABEL|MARK|NOBR|Q|S|SAMP|SMALL|SPAN|STRONG|SUB|SUP|TIME|TT|U|VAR|WBR|tspan)$/;
// Links that call. Those that write (sms:, wa.me) stay: a tracking number takes calls, and a message to it would be lost.
const PHONE_LINK = /^\s*(tel|callto):/i;
// A page that undoes each swap at once would never end: after this many turns in one task it has its way for a second.
const TURNS = 50;
// Fields are what visitors write in, so they are touched only where their owner says so.
const OPTED_IN = "data-rf-swap";
const WATCHED = ["href", "aria-label", "placeholder", "value", "alt"];

/** What a text or attribute held before and after it was swapped. */
interface Swapped {
  before: string;
  after: string;
}
type Root = Document | ShadowRoot;

/** Swaps the whole page now and whatever changes on it later; called again with other rewrites, it starts from the page's own text. */
export function swapper(images: boolean): (rewrites: Rewrite[]) => void {
  const swapped = new WeakMap<Node, Record<string, Swapped>>();
  const watched = new WeakSet<Node>();
  let rewrites: Rewrite[] = [];
  let observer: MutationObserver | undefined;
  let turns = 0;

  const own = (node: Node, name: string, now: string) => {
    const known = swapped.get(node)?.[name];
    return known && known.after === now ? known.before : now;
  };
  const put = (node: Node, name: string, now: string, before: string, after: string, write: (text: string) => void) => {
    const known = swapped.get(node) ?? {};
    swapped.set(node, known);
    if (before === after) delete known[name];
    else known[name] = { before, after };
    if (now !== after) write(after);
  };
  const rewritten = (text: string, link?: boolean) => rewrites.reduce((done, rewrite) => rewrite(done, link), text);

  const address = (before: string) => {
    if (!PHONE_LINK.test(before)) return before;
    if (!/%/.test(before)) return rewritten(before, true);
    try {
      const decoded = decodeURI(before);
      const changed = rewritten(decoded, true);
      return changed === decoded ? before : encodeURI(changed);
    } catch {
      // Not an escape that decodes: nobody's number.
      return before;
    }
  };
  const attribute = (element: Element, name: string, change: (before: string) => string = rewritten) => {
    const now = element.getAttribute(name);
    if (!now) return;
    const before = own(element, name, now);
    put(element, name, now, before, change(before), (after) => element.setAttribute(name, after));
  };
  const attributes = (element: Element) => {
    attribute(element, WATCHED[0], address);
    attribute(element, WATCHED[1]);
    if (element.hasAttribute(OPTED_IN)) {
      attribute(element, WATCHED[2]);
      attribute(element, WATCHED[3]);
    }
    if (images && element.nodeName === "IMG") {
      const before = own(element, "alt", element.getAttribute("alt") ?? "");
      attribute(element, "alt");
      drawn(element as HTMLImageElement, before);
    }
  };

  const texts = (run: Text[]) => {
    const before = run.map((node) => own(node, "", node.data));
    const joined = before.join(JOINT);
    if (hasDigits(joined)) {
      const after = rewritten(joined).split(JOINT);
      if (after.length === run.length)
        run.forEach((node, at) => put(node, "", node.data, before[at], after[at], (text) => (node.data = text)));
    }
    run.length = 0;
  };

  const walk = (node: Node, run: Text[]) => {
    if (node.nodeType === 3) run.push(node as Text);
    if (node.nodeType !== 1) return;
    const element = node as Element;
    const block = !INLINE.test(node.nodeName);
    const alone = element.matches(LEFT_ALONE);
    if (block || alone) texts(run);
    if (alone) return;
    attributes(element);
    if (node.nodeName === "IFRAME") return frame(element as HTMLIFrameElement);
    if (element.shadowRoot) enter(element.shadowRoot);
    else if (element.matches(":not(:defined)") && !watched.has(element)) {
      // Its shadow root comes with its definition, and nothing else tells of it.
      watched.add(element);
      customElements.whenDefined(element.localName).then(() => look(element), () => 0);
    }
    node.childNodes.forEach((child) => walk(child, run));
    if (block) texts(run);
  };

  // Text within a root of its own never runs on outside.
  const enter = (root: Root) => {
    if (!watched.has(root)) {
      watched.add(root);
      observer!.observe(root, {
        subtree: true,
        childList: true,
        characterData: true,
        attributeFilter: WATCHED,
      });
    }
    const run: Text[] = [];
    root.childNodes.forEach((child) => walk(child, run));
    texts(run);
  };

  // A frame of another origin has no document for us; one that runs a tag of its own finds nothing left to swap.
  const frame = (element: HTMLIFrameElement) => {
    if (!watched.has(element)) {
      watched.add(element);
      element.addEventListener("load", () => look(element));
    }
    if (element.contentDocument) enter(element.contentDocument);
  };

  const isLeftAlone = (node: Node | null | undefined): boolean => {
    const element = (node && node.nodeType !== 1 ? (node as ShadowRoot).host : node) as Element | undefined;
    return !!element && (!!element.closest(LEFT_ALONE) || isLeftAlone((element.getRootNode() as ShadowRoot).host));
  };

  const look = (node: Node) => {
    if (!node.isConnected || isLeftAlone(node)) return;
    if (node.nodeType !== 1) return enter(node as Root);
    const run: Text[] = [];
    walk(node, run);
    texts(run);
  };

  // A number may begin before the node that changed: look from the nearest element that ends text.
  const around = (node: Node) => {
    while ((node.nodeType === 3 || INLINE.test(node.nodeName)) && node.parentNode) node = node.parentNode;
    return node;
  };

  const watch = () => {
    observer = new MutationObserver((records) => {
      if (!turns++) setTimeout(() => turns < TURNS && (turns = 0));
      if (turns === TURNS)
        setTimeout(() => {
          turns = 0;
          enter(document);
        }, 1000);
      if (turns >= TURNS) return;
      const roots = new Set<Node>();
      for (const { type, target, addedNodes } of records) {
        if (type === "attributes") isLeftAlone(target) || attributes(target as Element);
        else if (type === "characterData") roots.add(around(target));
        else addedNodes.forEach((node) => roots.add(around(node)));
      }
      roots.forEach((root) => "children" in root && look(root));
    });
  };

  return (fresh) => {
    rewrites = fresh;
    if (!observer && fresh.length) watch();
    if (observer) enter(document);
  };
}
