// The stock client of AnyCable, `@anycable/core`, over `actioncable-v1-ext-json`: positions, history, restored sessions, presence.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import WebSocket from "ws"
import { createCable } from "@anycable/core"
import { Heard, event } from "./harness/heard.mjs"
import { lots, SEED } from "./harness/lots.mjs"
import { Node, SECRET, ticket } from "./harness/node.mjs"
import { Proxy } from "./harness/proxy.mjs"
import { token } from "./harness/tokens.mjs"

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => ({ n: from + i }))

/** A client that comes back sooner than it does by itself (1.5 to 9 s), so that much can happen in a short test. */
function connect(t, address, sub, options = {}) {
  const { jid = ticket(sub), ...more } = options
  const cable = createCable(`ws://${address}/cable?jid=${jid}`, {
    protocol: "actioncable-v1-ext-json",
    websocketImplementation: WebSocket,
    reconnectStrategy: () => 50,
    logLevel: "error",
    ...more,
  })
  t.after(() => cable.disconnect())
  return cable
}

/** What a channel is told, in order. */
function follow(channel, name = "the client") {
  const heard = new Heard(name)
  const said = new Heard(`${name}'s events`)
  channel.on("message", (message, meta) => heard.push(meta ? { ...message, at: meta.offset } : message))
  for (const what of ["connect", "disconnect", "close", "info", "presence"]) {
    channel.on(what, (how) => said.push({ what, ...how, reason: how?.reason }))
  }
  return { channel, heard, said }
}

const values = ({ items }) => items.map(({ n }) => n)
const upTo = (n) => Array.from({ length: n }, (_, i) => i)

describe("@anycable/core", { concurrency: true }, () => {
  let node
  before(async () => {
    node = await Node.start()
  })
  after(() => node.remove())

  test("joins a channel and a stream, and receives in order, with positions", async (t) => {
    const cable = connect(t, node.address, "ann")
    const channel = follow(cable.subscribeTo("TableChannel", { id: 1 }))
    const stream = follow(cable.streamFrom("numbers.one"), "the stream")
    await channel.channel.ensureSubscribed()
    await stream.channel.ensureSubscribed()
    for (const [topic, { heard }] of [["table.1", channel], ["numbers.one", stream]]) {
      await node.publishNumbers(topic, 0, 300)
      await heard.count(300)
      assert.deepEqual(heard.items, numbers(0, 300).map((message, i) => ({ ...message, at: i + 1 })))
    }
  })

  test("is refused without a good token, wherever it carries it", async (t) => {
    for (const jid of ["", "a.b.c", token(`${SECRET}!`, { sub: "ann" })]) {
      const cable = connect(t, node.address, "ann", { jid })
      const closed = event((done) => cable.on("close", done), "the refusal")
      cable.connect().catch(() => {})
      assert.equal((await closed).reason, "unauthorized")
    }
    for (const websocketAuthStrategy of ["param", "header", "sub-protocol"]) {
      const auth = { token: ticket("ann") }
      const cable = createCable(`ws://${node.address}/cable`, {
        protocol: "actioncable-v1-ext-json", websocketImplementation: WebSocket, websocketOptions: {}, websocketAuthStrategy, auth,
      })
      t.after(() => cable.disconnect())
      await cable.connect()
      await cable.subscribeTo("TableChannel", { id: 1 }).ensureSubscribed()
    }
  })

  test("gets a new token when its token has ended, and misses nothing", async (t) => {
    const jid = token(SECRET, { sub: "ann", tables: ["2"] }, 1)
    const refreshed = new Heard("the refresher")
    const tokenRefresher = async (transport) => {
      transport.setToken(ticket("ann"))
      refreshed.push("again")
    }
    const { channel, heard } = follow(connect(t, node.address, "ann", { jid, tokenRefresher }).subscribeTo("TableChannel", { id: 2 }))
    await channel.ensureSubscribed()
    await node.publishNumbers("table.2", 0, 2)
    await heard.count(2)
    await refreshed.next(() => true, "a new token")
    await node.publishNumbers("table.2", 2, 4)
    await heard.count(4)
    assert.deepEqual(values(heard), upTo(4))
  })

  test("is rejected where it may not join, and where nothing is declared", async (t) => {
    const cable = connect(t, node.address, "ann")
    const channels = ["TableChannel", "NoSuchChannel"].map((name) => cable.subscribeTo(name, { id: 99 }))
    const streams = ["secrets", "$receipts.numbers.one"].map((name) => cable.streamFrom(name))
    const rejected = [...channels, ...streams].map((channel) => assert.rejects(channel.ensureSubscribed(), /reject/i))
    await Promise.all(rejected)
    await cable.subscribeTo("TableChannel", { id: 3 }).ensureSubscribed()
  })

  test("performs: an actor is invoked, and everybody hears what came of it", async (t) => {
    const [ann, bob] = ["ann", "bob"].map((name) => follow(connect(t, node.address, name).subscribeTo("TableChannel", { id: 4 }), name))
    for (const { channel } of [ann, bob]) await channel.ensureSubscribed()
    await ann.channel.perform("add", { points: 3 })
    await bob.channel.perform("add", { points: 4 })
    for (const { heard } of [ann, bob]) await heard.next(({ sum }) => sum === 7)
    await ann.channel.perform("say", { text: "hello" })
    assert.equal((await bob.heard.next(({ text }) => text)).author, "ann")
  })

  test("whispers to the others, and nobody else ever hears of it", async (t) => {
    const [ann, bob] = ["ann", "bob"].map((name) => follow(connect(t, node.address, name).subscribeTo("TableChannel", { id: 5 }), name))
    for (const { channel } of [ann, bob]) await channel.ensureSubscribed()
    await ann.channel.whisper({ typing: true })
    assert.deepEqual(await bob.heard.next(), { typing: true })
    await node.publish("table.5", { n: 0 })
    for (const { heard } of [ann, bob]) await heard.next(({ n }) => n === 0)
    assert.deepEqual(ann.heard.items, [{ n: 0, at: 1 }])
  })

  test("sees who is there, who comes and who goes", async (t) => {
    const proxy = await Proxy.before(node, t)
    const [ann, bob] = [node.address, proxy.address].map((address, i) => {
      const name = ["ann", "bob"][i]
      return follow(connect(t, address, name).subscribeTo("TableChannel", { id: 6 }), name)
    })
    await ann.channel.ensureSubscribed()
    await ann.channel.presence.join("ann", { mood: "good" })
    await ann.said.next(({ what, type }) => what === "presence" && type === "join")
    assert.deepEqual(await ann.channel.presence.info(), { ann: { mood: "good" } })
    await bob.channel.ensureSubscribed()
    await bob.channel.presence.join("bob", { mood: "better" })
    const joined = await ann.said.next(({ type }) => type === "join")
    assert.deepEqual([joined.id, joined.info], ["bob", { mood: "better" }])
    assert.deepEqual(await bob.channel.presence.info(), { ann: { mood: "good" }, bob: { mood: "better" } })
    await bob.channel.presence.leave()
    assert.equal((await ann.said.next(({ type }) => type === "leave")).id, "bob")
    await bob.channel.presence.join("bob", { mood: "best" })
    await ann.said.next(({ type, id }) => type === "join" && id === "bob")
    proxy.goAway()
    await ann.said.next(({ type, id }) => type === "leave" && id === "bob", "that bob is gone")
    proxy.mend()
    await ann.said.next(({ type, id }) => type === "join" && id === "bob", "that bob is back")
  })

  test("restores its session after its connection was cut, and gets what it missed once and in order", async (t) => {
    const proxy = await Proxy.before(node, t)
    const cable = connect(t, proxy.address, "ann")
    const { channel, heard, said } = follow(cable.subscribeTo("TableChannel", { id: 7 }))
    await channel.ensureSubscribed()
    await node.publishNumbers("table.7", 0, 5)
    await heard.count(5)
    for (const round of [1, 2, 3]) {
      proxy.goAway()
      await node.publishNumbers("table.7", round * 5, round * 5 + 5)
      const back = event((done) => cable.on("connect", done), "that it is back")
      proxy.mend()
      assert.deepEqual(await back, { reconnect: true, restored: true })
      await heard.count(round * 5 + 5)
      await said.next(({ type }) => type === "history_received", "the end of the history")
    }
    await node.publishNumbers("table.7", 20, 25)
    await heard.count(25)
    assert.deepEqual(values(heard), upTo(25))
  })

  test("without its session it subscribes anew from its positions, and misses nothing either", async (t) => {
    const proxy = await Proxy.before(node, t)
    const cable = connect(t, proxy.address, "ann", { protocolOptions: { disableSessionRecovery: true } })
    const channel = follow(cable.subscribeTo("TableChannel", { id: 8 }))
    const stream = follow(cable.streamFrom("numbers.eight"), "the stream")
    await Promise.all([channel, stream].map(({ channel }) => channel.ensureSubscribed()))
    for (const topic of ["table.8", "numbers.eight"]) await node.publishNumbers(topic, 0, 5)
    for (const { heard } of [channel, stream]) await heard.count(5)
    proxy.goAway()
    for (const topic of ["table.8", "numbers.eight"]) await node.publishNumbers(topic, 5, 500)
    proxy.mend()
    for (const { heard } of [channel, stream]) await heard.count(500)
    for (const topic of ["table.8", "numbers.eight"]) await node.publishNumbers(topic, 500, 501)
    for (const { heard } of [channel, stream]) {
      await heard.count(501)
      assert.deepEqual(values(heard), upTo(501))
    }
  })

  test("is told when it missed more than it is given again", async (t) => {
    const proxy = await Proxy.before(node, t)
    const cable = connect(t, proxy.address, "ann")
    const { channel, heard, said } = follow(cable.subscribeTo("TableChannel", { id: 11 }))
    await channel.ensureSubscribed()
    await node.publishNumbers("table.11", 0, 2)
    await heard.count(2)
    proxy.goAway()
    for (let n = 2; n < 10_102; n += 100) await node.publishNumbers("table.11", n, n + 100)
    proxy.mend()
    await said.next(({ type }) => type === "history_not_found", "the notice")
    assert.deepEqual((await heard.next(({ seats }) => seats, "the hint")).seats, "reload")
    await heard.next(({ n }) => n === 10_101)
    const later = values(heard).slice(3)
    assert.deepEqual([later.length, later], [10_000, upTo(10_102).slice(102)], "it goes on with the last 10,000")
  })

  test("is sent away by a deploy, comes back to the new process, and has missed nothing", async (t) => {
    const node = await Node.start(t)
    const { channel, heard } = follow(connect(t, node.address, "ann").subscribeTo("TableChannel", { id: 1 }))
    await channel.ensureSubscribed()
    await node.publishNumbers("table.1", 0, 10)
    await heard.count(10)
    for (const [round, end] of [[1, "stop"], [2, "kill"], [3, "stop"]]) {
      await node[end]()
      await node.comeBack()
      await node.publishNumbers("table.1", round * 10, round * 10 + 10)
      await heard.count(round * 10 + 10)
    }
    assert.deepEqual(values(heard), upTo(40))
  })

  test("acknowledges what it received; the rest comes again", async (t) => {
    const { channel, heard } = follow(connect(t, node.address, "ann").subscribeTo("TaskChannel", { id: 9, consumer: true }))
    await channel.ensureSubscribed()
    await node.publishNumbers("task.9", 0, 3)
    await heard.count(3)
    await channel.perform("ack", { upto: 2 })
    assert.equal((await heard.next(({ ack }) => ack)).ack.status, "ok")
    const again = await heard.next(({ redelivered }) => redelivered)
    assert.equal(again.seq, 3)
    await channel.perform("ack", { seq: 3 })
    await heard.next(({ ack }) => ack?.seq === 3)
  })

  test("1,000 messages while its sockets are killed at random: each once and in order", async (t) => {
    const proxy = await Proxy.before(node, t)
    t.diagnostic(`CALLBOARD_SEED=${SEED}`)
    proxy.killAtRandom(lots("anycable"), { least: 300, most: 8000 })
    const cable = connect(t, proxy.address, "ann", { reconnectStrategy: () => 20 })
    const channel = follow(cable.subscribeTo("TableChannel", { id: 10 }))
    const stream = follow(cable.streamFrom("numbers.ten"), "the stream")
    await Promise.all([channel, stream].map(({ channel }) => channel.ensureSubscribed()))
    for (let n = 0; n < 1000; n += 5) {
      for (const topic of ["table.10", "numbers.ten"]) await node.publishNumbers(topic, n, n + 5)
    }
    proxy.stopKilling()
    for (const { heard } of [channel, stream]) {
      await heard.count(1000, 60_000)
      assert.deepEqual(values(heard), upTo(1000))
    }
    t.diagnostic(`${proxy.kills} sockets killed`)
    assert.ok(proxy.kills >= 20, `${proxy.kills} kills are too few to show anything`)
  })
})
