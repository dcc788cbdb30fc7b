// The stock client of Rails, `@rails/actioncable`, with its own timings: it has no positions, and comes back after 6 to 12 s.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import WebSocket from "ws"
import { adapters, createConsumer } from "@rails/actioncable"
import { Heard } from "./harness/heard.mjs"
import { Node, SECRET, ticket } from "./harness/node.mjs"
import { Proxy } from "./harness/proxy.mjs"
import { token } from "./harness/tokens.mjs"

// What the client takes from a browser.
adapters.WebSocket = WebSocket
globalThis.addEventListener ??= () => {}
globalThis.removeEventListener ??= () => {}

/** What the client needs to notice that it is cut off, and to come back. */
const BACK = 40_000

function connect(t, address, sub, more) {
  const consumer = createConsumer(() => `ws://${address}/cable?token=${ticket(sub, more)}`)
  t.after(() => consumer.disconnect())
  return consumer
}

/** A subscription that keeps what its callbacks are told. */
function follow(consumer, params, name = "the client") {
  const heard = new Heard(name)
  const said = new Heard(`${name}'s callbacks`)
  const subscription = consumer.subscriptions.create(params, {
    received: heard.push,
    connected: (how) => said.push({ what: "connected", ...how }),
    disconnected: (how) => said.push({ what: "disconnected", ...how }),
    rejected: () => said.push({ what: "rejected" }),
  })
  return { subscription, heard, said }
}

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }))

describe("@rails/actioncable", { concurrency: true }, () => {
  let node
  before(async () => {
    node = await Node.start()
  })
  after(() => node.remove())

  test("joins, and receives in order what is published", async (t) => {
    const { heard, said } = follow(connect(t, node.address, "ann"), { channel: "TableChannel", id: 1 })
    assert.deepEqual(await said.next(), { what: "connected", reconnected: false })
    await node.publishNumbers("table.1", 0, 300)
    await heard.count(300)
    assert.deepEqual(heard.items, numbers(0, 300))
  })

  test("is refused without a good token, and stays away", async (t) => {
    for (const bad of ["", "?token=a.b.c", `?token=${token(SECRET + "!", { sub: "ann" })}`]) {
      const consumer = createConsumer(`ws://${node.address}/cable${bad}`)
      t.after(() => consumer.disconnect())
      const { said } = follow(consumer, { channel: "TableChannel", id: 1 })
      assert.deepEqual(await said.next(), { what: "disconnected", willAttemptReconnect: false })
    }
  })

  test("is sent away when its token has ended, though it was let in", async (t) => {
    const consumer = createConsumer(`ws://${node.address}/cable?token=${token(SECRET, { sub: "ann", tables: ["1"] }, 2)}`)
    t.after(() => consumer.disconnect())
    const { said } = follow(consumer, { channel: "TableChannel", id: 1 })
    assert.equal((await said.next()).what, "connected")
    assert.deepEqual(await said.next(), { what: "disconnected", willAttemptReconnect: false })
  })

  test("is rejected where it may not join, and where nothing is declared, while its other subscriptions go on", async (t) => {
    const consumer = connect(t, node.address, "ann")
    const allowed = follow(consumer, { channel: "TableChannel", id: 2 })
    assert.equal((await allowed.said.next()).what, "connected")
    for (const params of [{ channel: "TableChannel", id: 99 }, { channel: "TableChannel" }, { channel: "NoSuchChannel" }]) {
      const { said } = follow(consumer, params)
      assert.deepEqual(await said.next(), { what: "rejected" })
    }
    await node.publish("table.2", { n: 1 })
    assert.deepEqual(await allowed.heard.next(), { n: 1 })
  })

  test("performs: an actor is invoked, and everybody hears what came of it", async (t) => {
    const ann = follow(connect(t, node.address, "ann"), { channel: "TableChannel", id: 3 }, "ann")
    const bob = follow(connect(t, node.address, "bob"), { channel: "TableChannel", id: 3 }, "bob")
    for (const { said } of [ann, bob]) await said.next()
    ann.subscription.perform("add", { points: 3 })
    bob.subscription.perform("add", { points: 4 })
    for (const { heard } of [ann, bob]) assert.equal((await heard.next((message) => message.sum === 7)).sum, 7)
    ann.subscription.perform("say", { text: "hello", author: "somebody else" })
    assert.deepEqual(await bob.heard.next(({ text }) => text), { text: "hello", author: "ann" })
    bob.subscription.send({ text: "without an action" })
    assert.deepEqual(await ann.heard.next(({ text }) => text?.startsWith("without")), { text: "without an action", author: "bob" })
  })

  test("two objects that follow the same are both told that they are connected, and both receive", async (t) => {
    const consumer = connect(t, node.address, "ann")
    const one = follow(consumer, { channel: "TableChannel", id: 4 }, "one")
    await one.said.next()
    const two = follow(consumer, { channel: "TableChannel", id: 4 }, "two")
    await two.said.next()
    await node.publish("table.4", { n: 1 })
    for (const { heard } of [one, two]) assert.deepEqual(await heard.next(), { n: 1 })
    one.subscription.unsubscribe()
    await node.publish("table.4", { n: 2 })
    assert.deepEqual(await two.heard.next(), { n: 2 })
    assert.equal(one.heard.items.length, 1)
  })

  test("comes back after its connection was cut, and is told to look again for what it missed", async (t) => {
    const proxy = await Proxy.before(node, t)
    const { heard, said } = follow(connect(t, proxy.address, "ann"), { channel: "TableChannel", id: 5 })
    await said.next()
    await node.publishNumbers("table.5", 0, 3)
    await heard.count(3)
    proxy.cut()
    assert.deepEqual(await said.next(), { what: "disconnected", willAttemptReconnect: true })
    await node.publishNumbers("table.5", 3, 6)
    assert.deepEqual(await said.next(() => true, "the connection", BACK), { what: "connected", reconnected: true })
    assert.deepEqual(await heard.next(({ seats }) => seats, "the hint"), { seats: "reload" })
    await node.publishNumbers("table.5", 6, 9)
    await heard.next(({ n }) => n === 8)
    assert.deepEqual(heard.items, [...numbers(0, 3), { seats: "reload" }, ...numbers(6, 9)])
  })

  test("notices that nothing comes any more, and connects anew", async (t) => {
    const proxy = await Proxy.before(node, t)
    const { heard, said } = follow(connect(t, proxy.address, "ann"), { channel: "TableChannel", id: 6 })
    await said.next()
    await node.publish("table.6", { n: 0 })
    await heard.count(1)
    proxy.silence()
    await node.publish("table.6", { n: 1 })
    // The client gives the old socket up without a word to its subscriptions.
    assert.deepEqual(await said.next(() => true, "the connection", BACK), { what: "connected", reconnected: true })
    assert.deepEqual(await heard.next(({ seats }) => seats, "the hint"), { seats: "reload" })
  })

  test("is sent away by a deploy, and comes back to the new process", async (t) => {
    const node = await Node.start(t)
    const { heard, said } = follow(connect(t, node.address, "ann"), { channel: "TableChannel", id: 7 })
    await said.next()
    await node.publishNumbers("table.7", 0, 3)
    await heard.count(3)
    const away = said.next()
    await node.stop()
    assert.deepEqual(await away, { what: "disconnected", willAttemptReconnect: true })
    await node.comeBack()
    await node.publishNumbers("table.7", 3, 6)
    assert.equal((await said.next(() => true, "the connection", BACK)).what, "connected")
    assert.deepEqual(await heard.next(({ seats }) => seats, "the hint"), { seats: "reload" })
    await node.publishNumbers("table.7", 6, 7)
    assert.deepEqual(await heard.next(({ n }) => n === 6), { n: 6 })
  })

  test("acknowledges what it received; the rest comes again", async (t) => {
    const { subscription, heard, said } = follow(connect(t, node.address, "ann"), { channel: "TaskChannel", id: 8, consumer: true })
    await said.next()
    await node.publishNumbers("task.8", 0, 3)
    await heard.count(3)
    assert.deepEqual(heard.items.map(({ seq, data }) => [seq, data.n]), [[1, 0], [2, 1], [3, 2]])
    subscription.perform("ack", { upto: 2 })
    const answer = await heard.next(({ ack }) => ack)
    assert.deepEqual(answer.ack, { upto: 2, status: "ok" })
    const again = await heard.next(({ redelivered }) => redelivered)
    assert.deepEqual([again.seq, again.data.n], [3, 2])
    subscription.perform("ack", { seq: 3 })
    await heard.next(({ ack }) => ack?.seq === 3)
  })
})
