// Shows numbers on the page: finds the targets in texts, links and labels, in open shadow roots and in frames of the
// same origin, keeps watching, and can put everything back.
// Never touches what is not read by people, nor what the page's owner has marked.
import { hasDigits, JOINT, type Rewrite } from "./formats";
import { drawn } from "./image";

const LEFT_ALONE =
  "head,script,style,textarea,select,noscript,template,[contenteditable]:not([contenteditable=false i]),[data-rf-ignore]";
// Nodes within which a number may be split; at the edge of any other, text ends.
const INLINE =
  /^(#text|#comment|A|B|BDI|EM|FONT|I|LABEL|NOBR|S|SMALL|SPAN|STRONG|SUB|SUP|U|WBR|tspan)$/;
// Links that call. Those that write (sms:, wa.me) stay: a tracking number takes calls, and a message to it would be lost.
const PHONE_LINK = /^\s*(tel|callto):/i;
// A page that undoes each swap at once would never end: after this many turns in one task it has its way for a second.
const TURNS = 50;
// Fields are what visitors write in, so they are touched only where their owner says so.
const OPTED_IN = "data-rf-swap";
const WATCHED = ["href", "aria-label", "title", "placeholder", "value", "alt"];
// Attributes that tell whether an element is left alone.
const MARKS = ["contenteditable", "data-rf-ignore"];

/** What a text or attribute held before and after it was swapped. */
interface Swapped {
  before: string;
  after: string;
}
type Root = Document | ShadowRoot;

/**
 * Sets a text so that selections and carets stay: what stands before the change and behind it is not touched, and the new part
 * comes before the old one goes.
 */
const edit = (node: Text, after: string): void => {
  const { data } = node;
  let start = 0;
  while (data[start] === after[start]) start++;
  let old = data.length;
  let end = after.length;
  for (; old > start && end > start && data[old - 1] === after[end - 1]; old--) end--;
  node.insertData(start, after.slice(start, end));
  node.deleteData(end, old - start);
};

/** Swaps the whole page now and whatever changes on it later; called again with other rewrites, it starts from the page's own text. */
export function swapper(images: boolean): (rewrites: Rewrite[]) => void {
  const swapped = new WeakMap<Node, Record<string, Swapped>>();
  const watched = new WeakSet<Node>();
  let rewrites: Rewrite[] = [];
  let observer: MutationObserver | undefined;
  let turns = 0;
  // What was looked at since the page's last changes.
  let seen = new WeakSet<Node>();

  const own = (node: Node, name: string, now: string) => {
    const known = swapped.get(node)?.[name];
    return known && known.after === now ? known.before : now;
  };
  const put = (node: Node, name: string, now: string, before: string, after: string, write: (text: string) => void) => {
    const known = swapped.get(node) ?? {};
    swapped.set(node, known);
    known[name] = { before, after };
    if (now !== after) write(after);
  };
  // A loop, for libraries of old have put something else in the place of Array.prototype.reduce.
  const rewritten = (text: string, link?: boolean) => {
    for (const rewrite of rewrites) text = rewrite(text, link);
    return text;
  };

  const address = (before: string) => {
    if (!PHONE_LINK.test(before)) return before;
    try {
      const plain = decodeURIComponent(before);
      const changed = rewritten(plain, true);
      return changed === plain ? before : plain === before ? changed : encodeURI(changed);
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
    for (const name of WATCHED.slice(1, element.hasAttribute(OPTED_IN) ? 5 : 3)) attribute(element, name);
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
        run.forEach((node, at) => put(node, "", node.data, before[at], after[at], (text) => edit(node, text)));
    }
    run.length = 0;
  };

  const walk = (node: Node, run: Text[]) => {
    seen.add(node);
    if (node.nodeType === 3) run.push(node as Text);
    if (node.nodeType !== 1) return;
    try {
      const element = node as Element;
      const block = !INLINE.test(node.nodeName);
      // Where nothing is swapped, what was is put back, whatever it has become meanwhile.
      const alone = rewrites.length && element.matches(LEFT_ALONE);
      if (block || alone) texts(run);
      if (alone) return;
      attributes(element);
      if (node.nodeName === "IFRAME") return frame(element as HTMLIFrameElement);
      if (element.shadowRoot) enter(element.shadowRoot);
      else if (element.matches(":not(:defined)") && !watched.has(element)) {
        // Its shadow root comes with its definition, and nothing else tells of it.
        watched.add(element);
        customElements.whenDefined(element.localName).then(() => look(element));
      }
      node.childNodes.forEach((child) => walk(child, run));
      if (block) texts(run);
    } catch {
      // A form whose fields are named as if they were its methods: it stays as it is, and the rest of the page goes on.
    }
  };

  // Text within a root of its own never runs on outside.
  const enter = (root: Root) => {
    if ((root as Document).designMode === "on") return;
    if (!watched.has(root)) {
      watched.add(root);
      observer!.observe(root, {
        subtree: true,
        childList: true,
        characterData: true,
        attributeFilter: [...WATCHED, ...MARKS],
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

  const isLeftAlone = (node: Node | null): boolean =>
    !!node &&
    (node.nodeType === 1
      ? !!(node as Element).closest(LEFT_ALONE) || isLeftAlone(node.getRootNode())
      : // A document may have an element named `host`, and no host.
        node.nodeType !== 9 && isLeftAlone((node as ShadowRoot).host ?? node.parentNode));

  // A number may begin before the node that changed: look at its line of text, and at no other.
  const look = (node: Node) => {
    if (!node.isConnected || isLeftAlone(node)) return;
    const isInline = (one: Node | null) => one && INLINE.test(one.nodeName);
    let at: Node | null = node;
    if (isInline(at)) {
      while (isInline(at.parentNode)) at = at.parentNode!;
      while (isInline(at.previousSibling)) at = at.previousSibling!;
    }
    const run: Text[] = [];
    do walk(at, run);
    while (isInline(at) && isInline((at = at.nextSibling)) && at);
    texts(run);
  };

  const changed = ({ type, target, addedNodes, attributeName }: MutationRecord) => {
    if (isLeftAlone(target)) {
      // What the page's owner marks only now, or opens to be edited, is put back.
      if (!MARKS.includes(attributeName!)) return;
      const fresh = rewrites;
      const run: Text[] = [];
      rewrites = [];
      walk(target, run);
      texts(run);
      rewrites = fresh;
    } else if (MARKS.includes(attributeName!)) look(target);
    else if (type === "attributes") attributes(target as Element);
    else (type === "characterData" ? [target] : addedNodes).forEach((node) => seen.has(node) || look(node));
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
      seen = new WeakSet();
      for (const record of records)
        try {
          changed(record);
        } catch {
          // As above: such a form stays as it is.
        }
    });
  };

  return (fresh) => {
    rewrites = fresh;
    if (!observer && fresh.length) watch();
    if (observer) enter(document);
  };
}
