// What a program can see of whether everybody can read and use a page.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/**
 * What keeps somebody from reading or using the page, by the rules of WCAG 2.2 AA that a program can look at.
 * A row that is on its way out of the live page is pale on purpose.
 */
export async function obstacles(page, place) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ include: ["html"], exclude: [".leaving"] }, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return violations.map(({ id, help, nodes }) => `${place}: ${id}, ${help}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.any.map((one) => one.message).join("; ").slice(0, 160)}`).join(" | ")}`);
}
