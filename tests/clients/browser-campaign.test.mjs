// The page of examples/campaign in a browser, with the stock client of Rails: people, each in a window of their own.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { Browser, keep } from "./harness/browser.mjs"
import { Program } from "./harness/program.mjs"
import { Proxy } from "./harness/proxy.mjs"

/** What the stock client needs to notice that it is cut off, and to come back. */
const BACK = { timeout: 45_000 }

const start = (test) => Program.start("CALLBOARD_CAMPAIGN", (folder, listen) => [folder, listen], test)

class Player {
  constructor(page) {
    this.page = page
  }

  is = (state, options) => this.page.locator(`#connection[data-state=${state}]`).waitFor(options)
  character = (name) => this.page.locator(`[data-character="${name}"]`)
  sees = (text, options) => this.page.getByText(text, { exact: true }).first().waitFor(options)
  press = (name, what) => this.character(name).getByRole("button", { name: what }).click()

  async enter(form, text, { hidden } = {}) {
    await this.page.locator(`#${form} input:not([type=checkbox])`).fill(text)
    if (hidden) await this.page.locator(`#${form} [type=checkbox]`).check()
    await this.page.locator(`#${form}`).getByRole("button").click()
  }

  /** Waits until somebody has so many points. */
  async points(name, points, options) {
    await this.character(name).locator(".points", { hasText: new RegExp(`^${points}$`) }).waitFor(options)
  }
}

describe("the page of the campaign, in a browser", { concurrency: true }, () => {
  let browser, table
  before(async () => {
    browser = await Browser.start()
    table = await start()
  })
  after(async () => {
    await browser?.stop()
    await table?.remove()
  })

  const open = async (who, { address } = table) => {
    const player = new Player(await browser.person(`http://${address}/campaign#${who}`))
    return player
  }

  test("whatever one of them changes, all see; what is hidden, only those who may", async () => {
    const [ann, bob, cyd] = await Promise.all(["ann", "bob", "cyd"].map((who) => open(who)))
    for (const player of [ann, bob, cyd]) await player.is("connected")
    await ann.enter("new-character", "Aria")
    await bob.enter("new-character", "Brom")
    for (const player of [ann, bob, cyd]) await Promise.all(["Aria", "Brom"].map((name) => player.character(name).waitFor()))
    await bob.enter("new-character", "Shadow", { hidden: true })
    for (const player of [ann, bob]) await player.character("Shadow").waitFor()

    await bob.press("Aria", "hit")
    await bob.press("Aria", "hit")
    for (const player of [ann, bob, cyd]) await player.points("Aria", 8)
    await ann.sees("bob has hit Aria: 8 hit points")
    await cyd.enter("speak", "What was that?")
    for (const player of [ann, bob, cyd]) await player.sees("cyd: What was that?")
    assert.equal(await cyd.character("Shadow").count(), 0, "cyd is not told of what is hidden")
    assert.equal(await bob.page.getByText("bob has hit").count(), 0, "what ann is told is for her alone")

    await ann.enter("new-fight", "At the bridge")
    for (const player of [ann, bob]) await player.page.getByRole("button", { name: "watch" }).click()
    await ann.sees("At the bridge")
    await ann.press("Aria", "act")
    for (const player of [ann, bob]) await player.page.locator("#shots li", { hasText: "Aria" }).waitFor()
    await ann.page.locator("#next-round").click()
    for (const player of [ann, bob]) await player.page.locator("#round", { hasText: "2" }).waitFor()

    await keep(ann.page, "campaign-ann")
    await keep(cyd.page, "campaign-cyd")
    await ann.press("Aria", "remove")
    for (const player of [ann, bob, cyd]) await player.character("Aria").waitFor({ state: "detached" })
    for (const player of [ann, bob, cyd]) assert.deepEqual(player.page.mistakes, [])
  })

  test("who does not play here is told so, and may become somebody who does", async () => {
    const eve = await open("eve")
    await eve.is("rejected")
    await eve.sees("you do not play here")
    assert.ok(await eve.page.locator("#speak button").isDisabled())
    await keep(eve.page, "campaign-eve")
    await eve.page.locator("#person").selectOption("bob")
    await eve.is("connected")
    assert.deepEqual(eve.page.mistakes, [])
  })

  test("who was cut off is told so, comes back, and sees what happened meanwhile; so does everybody after a deploy", async (t) => {
    const table = await start(t)
    const proxy = await Proxy.before(table, t)
    const [ann, bob] = await Promise.all([open("ann", table), open("bob", proxy)])
    for (const player of [ann, bob]) await player.is("connected")
    await ann.enter("new-character", "Aria")
    for (const player of [ann, bob]) await player.character("Aria").waitFor()

    proxy.goAway()
    await bob.is("disconnected", BACK)
    await keep(bob.page, "campaign-cut-off")
    await ann.press("Aria", "hit")
    await ann.enter("new-character", "Late")
    await ann.points("Aria", 9)
    proxy.mend()
    await bob.is("connected", BACK)
    await bob.points("Aria", 9)
    await bob.character("Late").waitFor()

    await table.stop()
    for (const player of [ann, bob]) await player.is("disconnected", BACK)
    await table.comeBack()
    for (const player of [ann, bob]) await player.is("connected", BACK)
    await bob.press("Aria", "hit")
    for (const player of [ann, bob]) await player.points("Aria", 8)
    await keep(bob.page, "campaign-back")
  })
})
