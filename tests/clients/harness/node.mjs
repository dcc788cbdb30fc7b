// The node that clients are tried against: a process of its own, started and stopped by the test that uses it.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { token } from "./tokens.mjs"

export const SECRET = "a secret of the tests that is long enough"
const PROGRAM = process.env.CALLBOARD_CLIENTS_SERVER

/** A token that the node lets in: at the tables 1 to 40, and with the topics below `numbers`. */
export const ticket = (sub, more = {}) =>
  token(SECRET, {
    sub,
    tables: Array.from({ length: 40 }, (_, i) => String(i + 1)),
    callboard: { subscribe: ["numbers.>"], publish: ["numbers.>"] },
    ...more,
  })

export class Node {
  /** Starts a node on a new folder. With a test, both go when it is over; without one, `remove` them. */
  static async start(test) {
    if (!PROGRAM) throw new Error("CALLBOARD_CLIENTS_SERVER is not set; run: cargo xtask clients")
    const node = new Node()
    node.folder = await mkdtemp(join(tmpdir(), "callboard-clients-"))
    test?.after(() => node.remove())
    await node.run("127.0.0.1:0")
    return node
  }

  async run(listen) {
    this.process = spawn(PROGRAM, ["--data", this.folder, "--listen", listen, "--secret", SECRET], {
      stdio: ["ignore", "pipe", "inherit"],
    })
    this.ended = once(this.process, "exit")
    const lines = createInterface({ input: this.process.stdout })
    const first = await Promise.race([once(lines, "line"), this.ended.then(([code]) => [`{"ended":${code}}`])])
    const ready = JSON.parse(first[0])
    if (!ready.address) throw new Error(`the node did not start: ${first[0]}`)
    this.address = ready.address
    this.port = Number(ready.address.split(":").at(-1))
  }

  /** Asks the node to stop, as a deploy does: it drains its clients. */
  async stop() {
    this.process.kill("SIGTERM")
    const [code, signal] = await this.ended
    if (code !== 0) throw new Error(`the node ended with ${code ?? signal}`)
  }

  /** Ends the process at once. */
  async kill() {
    this.process.kill("SIGKILL")
    await this.ended
  }

  /** The same data on the same address, in a new process. */
  async comeBack() {
    await this.run(this.address)
  }

  async restart() {
    await this.stop()
    await this.comeBack()
  }

  /** Publishes `{"n":from}` to `{"n":to - 1}` in one request; all are on disk when it returns. */
  async publishNumbers(topic, from, to) {
    const batch = Array.from({ length: to - from }, (_, i) => ({ topic, payload: { n: from + i } }))
    await this.post("/v1/topics", batch)
  }

  async publish(topic, payload) {
    return this.post(`/v1/topics/${topic}`, payload)
  }

  async post(path, body) {
    const response = await fetch(`http://${this.address}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${token(SECRET, { sub: "publisher", callboard: { publish: [">"] } })}`,
      },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${text}`)
    return JSON.parse(text)
  }

  async remove() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}
