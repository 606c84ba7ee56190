// Shows numbers on the page: finds the targets in texts and links, keeps watching, and can put everything back.
// Never touches what is not read by people, nor what the page's owner has marked.
import { JOINT, type Rewrite } from "./formats";

const LEFT_ALONE =
  "head,script,style,textarea,select,noscript,template,iframe,[contenteditable]:not([contenteditable=false i]),[data-rf-ignore]";
// Elements within which a number may be split; at the edge of any other, text ends.
const INLINE =
  /^(A|ABBR|B|BDI|BDO|BIG|CITE|CODE|DATA|DEL|DFN|EM|FONT|I|INS|KBD|LABEL|MARK|NOBR|Q|S|SAMP|SMALL|SPAN|STRONG|SUB|SUP|TIME|TT|U|VAR|WBR|tspan)$/;
const PHONE_LINK = /^\s*(tel|callto):/i;
// A page that undoes each swap at once would never end: after this many turns in one task it has its way for a second.
const TURNS = 50;

/** What a text or link held before and after it was swapped. */
interface Swapped {
  before: string;
  after: string;
}

/** Swaps the whole page now and whatever changes on it later; called again with other rewrites, it starts from the page's own text. */
export function swapper(): (rewrites: Rewrite[]) => void {
  const swapped = new WeakMap<Node, Swapped>();
  let rewrites: Rewrite[] = [];
  let observer: MutationObserver | undefined;
  let turns = 0;

  const own = (node: Node, now: string) => {
    const known = swapped.get(node);
    return known && known.after === now ? known.before : now;
  };
  const put = (node: Node, now: string, before: string, after: string, write: () => void) => {
    if (before === after) swapped.delete(node);
    else swapped.set(node, { before, after });
    if (now !== after) write();
  };
  const rewritten = (text: string, link?: boolean) => rewrites.reduce((done, rewrite) => rewrite(done, link), text);

  const link = (element: Element) => {
    const now = element.getAttribute("href");
    if (!now || !PHONE_LINK.test(now)) return;
    const before = own(element, now);
    let after = before;
    if (/%/.test(before)) {
      try {
        const decoded = decodeURI(before);
        const changed = rewritten(decoded, true);
        if (changed !== decoded) after = encodeURI(changed);
      } catch {
        // Not an escape that decodes: nobody's number.
      }
    } else after = rewritten(before, true);
    put(element, now, before, after, () => element.setAttribute("href", after));
  };

  const texts = (run: Text[]) => {
    const before = run.map((node) => own(node, node.data));
    const joined = before.join(JOINT);
    if (/\d/.test(joined)) {
      const after = rewritten(joined).split(JOINT);
      if (after.length === run.length)
        run.forEach((node, at) => put(node, node.data, before[at], after[at], () => (node.data = after[at])));
    }
    run.length = 0;
  };

  const walk = (node: Node, run: Text[]) => {
    if (node.nodeType === 3) run.push(node as Text);
    if (node.nodeType !== 1) return;
    const block = !INLINE.test(node.nodeName);
    const alone = (node as Element).matches(LEFT_ALONE);
    if (block || alone) texts(run);
    if (alone) return;
    link(node as Element);
    node.childNodes.forEach((child) => walk(child, run));
    if (block) texts(run);
  };

  const look = (root: Element) => {
    if (!root.isConnected || root.closest(LEFT_ALONE)) return;
    const run: Text[] = [];
    walk(root, run);
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
          look(document.documentElement);
        }, 1000);
      if (turns >= TURNS) return;
      const roots = new Set<Node>();
      for (const { type, target, addedNodes } of records) {
        if (type === "attributes") (target as Element).closest(LEFT_ALONE) || link(target as Element);
        else if (type === "characterData") roots.add(around(target));
        else addedNodes.forEach((node) => roots.add(around(node)));
      }
      roots.forEach((root) => root.nodeType === 1 && look(root as Element));
    });
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributeFilter: ["href"] });
  };

  return (fresh) => {
    rewrites = fresh;
    if (!observer && fresh.length) watch();
    if (observer) look(document.documentElement);
  };
}
