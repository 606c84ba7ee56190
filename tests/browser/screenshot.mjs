// Takes the README's picture: the overview after a minute of the demo. `node screenshot.mjs FILE.png [light|dark] [SECONDS]`
import { launch, newPage } from "./browser.mjs";
import { Demo } from "./program.mjs";

const [file = "overview.png", colorScheme = "light", seconds = "60"] = process.argv.slice(2);
const demo = await new Demo().start();
const browser = await launch();
try {
  await new Promise((resolve) => setTimeout(resolve, Number(seconds) * 1000));
  const page = await newPage(browser, { colorScheme, viewport: { width: 1280, height: 860 }, deviceScaleFactor: 2 });
  await page.goto(demo.signIn);
  await page.goto(demo.dashboard);
  await page.waitForLoadState("load");
  await page.screenshot({ path: file });
} finally {
  await browser.close();
  await demo.stop();
}
