// The network between client and node: TCP connections that can be cut, held up and refused.
import { connect, createServer } from "node:net"
import { once } from "node:events"

export class Proxy {
  #pairs = new Set()

  /** A network in front of the node, gone when the test is over. */
  static async before(node, test) {
    const proxy = new Proxy()
    proxy.node = node
    proxy.kills = 0
    proxy.server = createServer((client) => proxy.#accept(client))
    proxy.server.listen(0, "127.0.0.1")
    await once(proxy.server, "listening")
    proxy.address = `127.0.0.1:${proxy.server.address().port}`
    test.after(() => {
      proxy.killing = undefined
      proxy.cut()
      proxy.server.close()
    })
    return proxy
  }

  #accept(client) {
    if (this.refusing) return client.destroy()
    const server = connect(this.node.port, "127.0.0.1")
    const pair = { client, server, left: this.killing?.() ?? Infinity }
    this.#pairs.add(pair)
    const end = () => {
      this.#pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const [from, to] of [[client, server], [server, client]]) {
      from.setNoDelay(true)
      from.on("data", (chunk) => this.#pass(pair, from, to, chunk))
      from.on("end", () => to.end())
      from.on("error", end)
      from.on("close", end)
    }
  }

  #pass(pair, from, to, chunk) {
    if (this.blocks?.(chunk, from === pair.client)) {
      from.pause()
      return
    }
    if (pair.silent) return
    if (from === pair.server && chunk.length >= pair.left) {
      // The last bytes may be half a message.
      this.kills += 1
      const rest = chunk.subarray(0, pair.left)
      pair.left = Infinity
      from.pause()
      to.write(rest, () => pair.client.resetAndDestroy())
      pair.server.destroy()
      return
    }
    if (from === pair.server) pair.left -= chunk.length
    to.write(chunk)
  }

  /** From now on each new connection dies behind a number of bytes from the node that the lots say. */
  killAtRandom(lots, { least, most }) {
    this.killing = () => least + Math.floor(lots() * (most - least))
    for (const pair of this.#pairs) pair.left = this.killing()
  }

  stopKilling() {
    this.killing = undefined
    for (const pair of this.#pairs) pair.left = Infinity
  }

  /** Cuts what is open. */
  cut() {
    for (const { client, server } of [...this.#pairs]) {
      client.destroy()
      server.destroy()
    }
  }

  /** Cuts what is open and lets nobody through until `mend`. */
  goAway() {
    this.refusing = true
    this.cut()
  }

  mend() {
    this.refusing = false
  }

  /** Nothing gets through any more over what is open, and nobody is told, as when a cable is pulled. New connections do. */
  silence() {
    for (const pair of this.#pairs) pair.silent = true
  }
}
