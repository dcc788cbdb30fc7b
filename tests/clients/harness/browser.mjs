// A browser, and people in it, each with a window of their own.
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { chromium } from "playwright-core"

const FOLDER = process.env.CALLBOARD_SCREENSHOTS ?? "screenshots"

/** What a person may wait for something that happens at once for others. */
export const SOON = 15_000

export class Browser {
  static async start() {
    if (!process.env.CALLBOARD_BROWSER) throw new Error("CALLBOARD_BROWSER is not set; run: cargo xtask clients")
    const browser = new Browser()
    await mkdir(FOLDER, { recursive: true })
    // A new profile each time; nothing is looked up in the background.
    browser.browser = await chromium.launch({
      executablePath: process.env.CALLBOARD_BROWSER,
      headless: true,
      args: [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
      ],
    })
    return browser
  }

  async stop() {
    await this.browser.close()
  }

  /** A person who opens a page. What goes wrong in it is kept in `mistakes`. */
  async person(url, options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1100, height: 760 }, ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(SOON)
    page.mistakes = []
    page.on("pageerror", (error) => page.mistakes.push(String(error)))
    page.on("response", (response) => response.status() >= 400 && page.mistakes.push(`${response.status()} ${response.url()}`))
    await page.goto(url)
    return page
  }
}

/** Keeps what a page looks like, for people to look at. */
export const keep = (page, name) => page.screenshot({ path: join(FOLDER, `${name}.png`) })
