// The stock client of Phoenix Channels, `phoenix`, in the version of today and in an older one, over WebSockets and long-poll.
import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import WebSocket from "ws"
import * as phoenix18 from "phoenix"
import * as phoenix17 from "phoenix-1.7"
import { Heard, event } from "./harness/heard.mjs"
import { lots, SEED } from "./harness/lots.mjs"
import { Node, SECRET, ticket } from "./harness/node.mjs"
import { Proxy } from "./harness/proxy.mjs"
import { token } from "./harness/tokens.mjs"

const { LongPoll, Presence, Socket } = phoenix18

function connect(t, address, sub, { Client = Socket, ...options } = {}) {
  const socket = new Client(`ws://${address}/socket`, {
    params: () => ({ token: ticket(sub) }),
    transport: WebSocket,
    rejoinAfterMs: () => 50,
    ...options,
  })
  t.after(() => socket.disconnect())
  socket.connect()
  return socket
}

const answered = (push) =>
  event((done) => push.receive("ok", (response) => done({ ok: response })).receive("error", (error) => done({ error })), "a reply")

/** A channel that follows as docs/phoenix.md says: it keeps the last number, and says it at each join. */
function follow(socket, topic, params = {}, name = "the client") {
  const heard = new Heard(name)
  const replies = new Heard(`${name}'s replies`)
  let seen = {}
  const channel = socket.channel(topic, () => ({ ...params, ...seen }))
  channel.on("event", (event) => {
    if (event.epoch === seen.epoch && event.seq <= seen.last_seq) return
    seen = { epoch: event.epoch, last_seq: event.seq }
    heard.push(event)
  })
  const join = channel.join()
  join.receive("ok", (reply) => {
    if (seen.epoch !== reply.epoch) seen = { epoch: reply.epoch, last_seq: reply.replay_from - 1 }
    replies.push(reply)
  })
  join.receive("error", (error) => replies.push({ error }))
  return { channel, heard, replies }
}

/** A channel that receives data as it was published. */
function listen(socket, topic, params = {}, name = "the client") {
  const heard = new Heard(name)
  const channel = socket.channel(topic, params)
  for (const event of ["message", "whisper", "user_joined", "user_left", "user_timeout"]) {
    channel.on(event, (payload) => heard.push({ event, ...payload }))
  }
  return { channel, heard }
}

const upTo = (n) => Array.from({ length: n }, (_, i) => i)
const values = ({ items }) => items.map(({ data }) => data.n)
const seqs = ({ items }) => items.map(({ seq }) => seq)

describe("phoenix", { concurrency: true }, () => {
  let node
  before(async () => {
    node = await Node.start()
  })
  after(() => node.remove())

  for (const [version, Client] of [["1.8", phoenix18.Socket], ["1.7", phoenix17.Socket]]) {
    const topic = `numbers:v${version.replace(".", "")}`
    const dotted = topic.replace(":", ".")

    test(`${version}: joins, and receives in order what is published`, async (t) => {
      const { heard, replies } = follow(connect(t, node.address, "ann", { Client }), `${topic}:order`)
      assert.equal((await replies.next()).gap, false)
      await node.publishNumbers(`${dotted}.order`, 0, 300)
      await heard.count(300)
      assert.deepEqual([values(heard), seqs(heard)], [upTo(300), upTo(301).slice(1)])
    })

    test(`${version}: 1,000 messages while its sockets are killed at random: each once and in order`, async (t) => {
      const proxy = await Proxy.before(node, t)
      t.diagnostic(`CALLBOARD_SEED=${SEED}`)
      proxy.killAtRandom(lots(`phoenix ${version}`), { least: 200, most: 8000 })
      const socket = connect(t, proxy.address, "ann", { Client, reconnectAfterMs: () => 20 })
      const [plain, declared] = [follow(socket, `${topic}:kills`), follow(socket, "table:10", { envelope: true }, "the channel")]
      for (const { replies } of [plain, declared]) await replies.next()
      const before = declared.heard.items.length
      for (let n = 0; n < 1000; n += 5) {
        for (const to of [`${dotted}.kills`, "table.10"]) await node.publishNumbers(to, n, n + 5)
      }
      proxy.stopKilling()
      await plain.heard.count(1000, 60_000)
      assert.deepEqual([values(plain.heard), seqs(plain.heard)], [upTo(1000), upTo(1001).slice(1)])
      await declared.heard.count(before + 1000, 60_000)
      const numbers = seqs(declared.heard)
      assert.deepEqual(numbers, numbers.map((_, i) => numbers[0] + i), "without a hole")
      t.diagnostic(`${proxy.kills} sockets killed`)
      assert.ok(proxy.kills >= 20, `${proxy.kills} kills are too few to show anything`)
    })
  }

  test("is refused without a good token, and let in wherever it carries it", async (t) => {
    for (const bad of ["", "a.b.c", token(`${SECRET}!`, { sub: "ann" })]) {
      for (const options of [{ params: { token: bad } }, { params: {}, authToken: bad || undefined }]) {
        const socket = connect(t, node.address, "ann", { ...options, reconnectAfterMs: () => 60_000 })
        const refused = await event((done) => socket.onError(done), "the refusal")
        assert.match(String(refused.message ?? refused[0]?.message), /403/)
      }
    }
    const socket = connect(t, node.address, "ann", { params: {}, authToken: ticket("ann") })
    assert.ok((await answered(socket.channel("table:1", {}).join())).ok)
  })

  test("is sent away when its token has ended, and comes back with a new one", async (t) => {
    let jwt = token(SECRET, { sub: "ann", tables: ["2"] }, 1)
    const socket = connect(t, node.address, "ann", { params: () => ({ token: jwt }), reconnectAfterMs: () => 20 })
    const { heard, replies } = follow(socket, "table:2", { envelope: true })
    await replies.next()
    await node.publishNumbers("table.2", 0, 2)
    await heard.count(2)
    const closed = event((done) => socket.onClose(done), "the end")
    jwt = ticket("ann")
    assert.equal((await closed).code, 1008)
    await replies.next()
    await node.publishNumbers("table.2", 2, 4)
    await heard.count(4)
    assert.deepEqual(values(heard), upTo(4))
  })

  test("is told why it may not join, and its other channels go on", async (t) => {
    const socket = connect(t, node.address, "ann")
    const refusals = { "table:99": /./, "secrets:own": /./, "table:": /./ }
    for (const [topic, reason] of Object.entries(refusals)) {
      const channel = socket.channel(topic, {})
      const { error } = await answered(channel.join())
      channel.leave()
      assert.match(error.reason, reason, topic)
    }
    const { channel, heard } = listen(socket, "table:3")
    assert.ok((await answered(channel.join())).ok)
    await node.publish("table.3", { n: 1 })
    assert.deepEqual(await heard.next(({ event }) => event === "message"), { event: "message", n: 1 })
  })

  test("pushes: an actor answers, a mistake is told, everybody hears what came of it", async (t) => {
    const [ann, bob] = ["ann", "bob"].map((name) => listen(connect(t, node.address, name), "table:4", {}, name))
    for (const { channel } of [ann, bob]) assert.ok((await answered(channel.join())).ok)
    assert.deepEqual(await answered(ann.channel.push("add", { points: 3 })), { ok: { sum: 3 } })
    assert.deepEqual(await answered(bob.channel.push("add", { points: 4 })), { ok: { sum: 7 } })
    for (const { heard } of [ann, bob]) await heard.next(({ sum }) => sum === 7)
    assert.deepEqual(await answered(ann.channel.push("echo", { a: [1, "two", null] })), { ok: { a: [1, "two", null] } })
    assert.match((await answered(ann.channel.push("add", { points: 0 }))).error.reason, /add something/)
    assert.equal((await answered(ann.channel.push("fly", {}))).error.code, "ActionNotFound")
    assert.ok((await answered(ann.channel.push("say", { text: "hello" }))).ok)
    assert.equal((await bob.heard.next(({ text }) => text)).author, "ann")
  })

  test("publishes on a topic without a channel, where it may", async (t) => {
    const socket = connect(t, node.address, "ann")
    const { channel, heard, replies } = follow(socket, "numbers:open")
    await replies.next()
    assert.ok((await answered(channel.push("made", { n: 0 }))).ok)
    const event = await heard.next()
    assert.deepEqual([event.type, event.data], ["made", { n: 0 }])
    const reader = connect(t, node.address, "eve", { params: { token: ticket("eve", { callboard: { subscribe: ["numbers.>"] } }) } })
    const denied = follow(reader, "numbers:open")
    await denied.replies.next()
    assert.equal((await answered(denied.channel.push("made", { n: 1 }))).error.code, "Denied")
  })

  test("sees who is there, who comes and who goes", async (t) => {
    const ann = listen(connect(t, node.address, "ann"), "table:5", { presence: { mood: "good" } }, "ann")
    const presence = new Presence(ann.channel)
    const seen = new Heard("ann's presence")
    presence.onSync(() => seen.push(Object.fromEntries(presence.list((id, { metas }) => [id, metas.map(({ mood }) => mood)]))))
    await answered(ann.channel.join())
    await seen.next((there) => there.ann)
    const socket = connect(t, node.address, "bob")
    const bob = listen(socket, "table:5", { presence: { mood: "better" } }, "bob")
    await answered(bob.channel.join())
    assert.deepEqual(await seen.next((there) => there.bob), { ann: ["good"], bob: ["better"] })
    await ann.heard.next(({ event, user_id }) => event === "user_joined" && user_id === "bob")
    const phone = listen(connect(t, node.address, "bob"), "table:5", { presence: { mood: "on the phone" } }, "bob's phone")
    await answered(phone.channel.join())
    await seen.next((there) => there.bob.length === 2)
    bob.channel.leave()
    assert.deepEqual(await seen.next((there) => there.bob?.length === 1), { ann: ["good"], bob: ["on the phone"] })
    phone.channel.leave()
    assert.deepEqual(await seen.next((there) => !there.bob), { ann: ["good"] })
    await ann.heard.next(({ event, user_id }) => event === "user_left" && user_id === "bob")
  })

  test("comes back after its connection was cut, and gets what it missed once, in order and marked", async (t) => {
    const proxy = await Proxy.before(node, t)
    const socket = connect(t, proxy.address, "ann")
    const { heard, replies } = follow(socket, "numbers:cut")
    await replies.next()
    await node.publishNumbers("numbers.cut", 0, 5)
    await heard.count(5)
    for (const round of [1, 2, 3]) {
      proxy.goAway()
      await node.publishNumbers("numbers.cut", round * 5, round * 5 + 5)
      proxy.mend()
      const reply = await replies.next()
      assert.deepEqual([reply.gap, reply.replay_from, reply.last_seq], [false, round * 5 + 1, round * 5 + 5])
      await heard.count(round * 5 + 5)
      assert.ok(heard.items.slice(round * 5).every(({ replay }) => replay))
    }
    await node.publishNumbers("numbers.cut", 20, 25)
    await heard.count(25)
    assert.deepEqual(values(heard), upTo(25))
  })

  test("notices by its heartbeat that nothing comes any more, and misses nothing", async (t) => {
    const proxy = await Proxy.before(node, t)
    const socket = connect(t, proxy.address, "ann", { heartbeatIntervalMs: 500 })
    const { heard, replies } = follow(socket, "numbers:silent")
    await replies.next()
    await node.publishNumbers("numbers.silent", 0, 1)
    await heard.count(1)
    proxy.silence()
    await node.publishNumbers("numbers.silent", 1, 10)
    await heard.count(10)
    assert.deepEqual(values(heard), upTo(10))
  })

  test("a position of another log is a gap", async (t) => {
    await node.publishNumbers("numbers.other", 0, 3)
    const { heard, replies } = follow(connect(t, node.address, "ann"), "numbers:other", { last_seq: 2, epoch: "77" })
    assert.equal((await replies.next()).gap, true)
    await heard.count(3)
    assert.deepEqual(values(heard), upTo(3))
  })

  test("is sent away by a deploy, comes back to the new process, and has missed nothing", async (t) => {
    const node = await Node.start(t)
    const socket = connect(t, node.address, "ann")
    const closed = new Heard("the closes")
    socket.onClose(({ code }) => closed.push(code))
    const { heard, replies } = follow(socket, "table:1", { envelope: true })
    await replies.next()
    await node.publishNumbers("table.1", 0, 10)
    await heard.count(10)
    for (const [round, end, code] of [[1, "stop", 1012], [2, "kill", 1006], [3, "stop", 1012]]) {
      await node[end]()
      await closed.next((said) => said === code, `the code ${code}`)
      await node.comeBack()
      await node.publishNumbers("table.1", round * 10, round * 10 + 10)
      await heard.count(round * 10 + 10)
    }
    assert.deepEqual([values(heard), seqs(heard)], [upTo(40), upTo(41).slice(1)])
  })

  test("acknowledges what it received; the rest comes again, and nothing else when it joins anew", async (t) => {
    const socket = connect(t, node.address, "ann")
    const { channel, heard } = listen(socket, "task:9", { consumer: true })
    channel.on("event", heard.push)
    assert.ok((await answered(channel.join())).ok)
    await node.publishNumbers("task.9", 0, 3)
    await heard.count(3)
    assert.deepEqual(heard.items.map(({ seq, ack_required }) => [seq, ack_required]), [[1, true], [2, true], [3, true]])
    assert.deepEqual((await answered(channel.push("ack", { upto: 2 }))).ok.pending, 1)
    assert.equal((await answered(channel.push("ack", { seq: 99 }))).error.reason, "unknown_seq")
    const again = await heard.next(({ redelivered }) => redelivered)
    assert.equal(again.seq, 3)
    await answered(channel.leave())
    const anew = listen(socket, "task:9", { consumer: true })
    anew.channel.on("event", anew.heard.push)
    assert.ok((await answered(anew.channel.join())).ok)
    assert.equal((await anew.heard.next()).seq, 3)
    assert.deepEqual((await answered(anew.channel.push("ack", { seq: 3 }))).ok.pending, 0)
  })

  test("bytes go as binary frames both ways", async (t) => {
    const socket = connect(t, node.address, "ann")
    const { channel } = listen(socket, "table:6")
    await answered(channel.join())
    const bytes = new Uint8Array([1, 2, 3, 255]).buffer
    const { ok, error } = await answered(channel.push("echo", bytes))
    assert.equal(error, undefined)
    assert.deepEqual(new Uint8Array(ok), new Uint8Array(bytes))
  })

  test("the older serializer, without arrays, does the same", async (t) => {
    const socket = connect(t, node.address, "ann", {
      vsn: "1.0.0",
      encode: (message, done) => done(JSON.stringify(message)),
      decode: (text, done) => done(JSON.parse(text)),
    })
    const { channel, heard, replies } = follow(socket, "table:7", { envelope: true })
    await replies.next()
    assert.deepEqual(await answered(channel.push("add", { points: 2 })), { ok: { sum: 2 } })
    assert.deepEqual((await heard.next()).data, { sum: 2 })
  })

  test("over long-poll it does the same, through cuts as well", async (t) => {
    const proxy = await Proxy.before(node, t)
    const socket = connect(t, proxy.address, "ann", { transport: LongPoll })
    const { channel, heard, replies } = follow(socket, "table:8", { envelope: true })
    await replies.next()
    assert.deepEqual(await answered(channel.push("add", { points: 2 })), { ok: { sum: 2 } })
    await node.publishNumbers("table.8", 1, 50)
    await heard.count(50)
    proxy.cut()
    await node.publishNumbers("table.8", 50, 100)
    await heard.count(100)
    assert.deepEqual(seqs(heard), upTo(101).slice(1))
  })

  test("falls back to long-poll where WebSockets do not get through", async (t) => {
    const proxy = await Proxy.before(node, t)
    proxy.blocks = (chunk, fromClient) => fromClient && chunk.includes("Upgrade: websocket")
    const store = new Map()
    const sessionStorage = { getItem: (key) => store.get(key), setItem: (key, value) => store.set(key, value) }
    const socket = connect(t, proxy.address, "ann", { longPollFallbackMs: 500, sessionStorage })
    const { heard, replies } = follow(socket, "table:9", { envelope: true })
    await replies.next()
    await node.publishNumbers("table.9", 0, 3)
    await heard.count(3)
    assert.deepEqual(values(heard), upTo(3))
  })
})
