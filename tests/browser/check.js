// Opens a page at two widths, light and dark; prints what axe-core finds, and what the page does.
//   node check.js PAGE FOLDER        FOLDER holds node_modules and gets the screenshots
const [page, folder] = process.argv.slice(2);
const puppeteer = require(`${folder}/node_modules/puppeteer-core`);

(async () => {
  const executablePath = process.env.CHROMIUM || "/usr/bin/chromium";
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
  const found = { errors: [], wide: [], violations: [], requests: [] };
  for (const scheme of ["light", "dark"])
    for (const width of [1000, 400]) {
      const tab = await browser.newPage();
      tab.on("pageerror", error => found.errors.push(error.message));
      tab.on("request", request => { if (!/^(file|data|blob):/.test(request.url())) found.requests.push(request.url()); });
      await tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await tab.setViewport({ width, height: 900 });
      await tab.goto(`file://${page}`);
      const across = await tab.evaluate(() => document.documentElement.scrollWidth);
      if (across > width) found.wide.push([scheme, width, across]);
      await tab.screenshot({ path: `${folder}/${scheme}-${width}.png`, clip: { x: 0, y: 0, width, height: 2600 } });
      await tab.addScriptTag({ path: `${folder}/node_modules/axe-core/axe.min.js` });
      const report = await tab.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] }));
      for (const { id, nodes } of report.violations)
        found.violations.push([scheme, width, id, nodes.slice(0, 3).map(node => node.html.slice(0, 200))]);
      if (scheme === "light" && width === 1000) {
        found.before = await tab.evaluate(() => document.querySelector(".panel").innerText);
        await tab.evaluate(() => document.querySelector("svg.cells circle").focus());
        await tab.keyboard.press("ArrowRight");
        found.panel = await tab.evaluate(() => document.querySelector(".panel").innerText);
        found.bought = await tab.evaluate(() => {
          const slider = document.querySelector(".buy input"), read = () => slider.closest(".buy").innerText;
          const said = [0, 60].map(place => { slider.value = place; slider.dispatchEvent(new Event("input")); return read(); });
          return said;
        });
        found.filtered = await tab.evaluate(() => {
          const games = document.getElementById("filter");
          games.value = games.options[1].value;
          games.dispatchEvent(new Event("change"));
          return [...document.querySelectorAll("[data-game]")].filter(part => part.offsetParent).map(part => part.dataset.game);
        });
      }
      await tab.close();
    }
  await browser.close();
  console.log(JSON.stringify(found));
})().catch(error => { console.error(error); process.exit(1); });
