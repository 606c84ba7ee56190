// Pictures of a number: draws the text of a swapped `alt` in the picture's place and at its size, and puts the picture back.

const pictures = new WeakMap<Element, (string | null)[]>();
const ATTRIBUTES = ["srcset", "src"];

/**
 * Draws the image's `alt` where it is another than the page's own. Where the page's policy (CSP) forbids that, the browser shows
 * that text by itself.
 */
export function drawn(image: HTMLImageElement, own: string): void {
  const { alt, width, height } = image;
  const before = pictures.get(image);
  if (alt === own) {
    before?.forEach((value, at) => value === null || image.setAttribute(ATTRIBUTES[at], value));
    pictures.delete(image);
  } else if (!image.complete && !before) {
    // Its size is not known yet, and nothing on the page may move.
    image.addEventListener("load", () => drawn(image, own), { once: true });
  } else {
    if (!before) pictures.set(image, ATTRIBUTES.map((name) => image.getAttribute(name)));
    image.removeAttribute("srcset");
    image.src =
      "data:image/svg+xml," +
      encodeURIComponent(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${alt.length * 10} 20"><text y="15" fill="${getComputedStyle(image).color}" font-family="sans-serif">${alt.replace(/[<&]/g, " ")}</text></svg>`,
      );
  }
}
