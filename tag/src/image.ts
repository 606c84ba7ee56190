// Pictures of a number: shows the text of a swapped `alt` in the picture's place and at its size. The picture's own
// addresses, and those of the `<picture>` around it, stay as they are.

/**
 * Draws the image's `alt` where it is another than the page's own. Where the page's policy (CSP) forbids that, the browser shows
 * that text by itself.
 */
export function drawn(image: HTMLImageElement, own: string): void {
  const { alt, width, height, style } = image;
  if (alt === own) style.content = "";
  // Its size is not known yet, and nothing on the page may move.
  else if (!image.complete) image.addEventListener("load", () => drawn(image, own));
  else
    style.content = `url("data:image/svg+xml,${encodeURIComponent(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${alt.length * 10} 20"><text y="15" fill="${getComputedStyle(image).color}">${alt.replace(/[<&]/g, " ")}</text></svg>`,
    )}")`;
}
