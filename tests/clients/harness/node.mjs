// The node that clients are tried against.
import { Program } from "./program.mjs"
import { token } from "./tokens.mjs"

export const SECRET = "a secret of the tests that is long enough"

/** A token that the node lets in: at the tables 1 to 40, and with the topics below `numbers`. */
export const ticket = (sub, more = {}) =>
  token(SECRET, {
    sub,
    tables: Array.from({ length: 40 }, (_, i) => String(i + 1)),
    callboard: { subscribe: ["numbers.>"], publish: ["numbers.>"] },
    ...more,
  })

export class Node extends Program {
  static start(test) {
    const command = (folder, listen) => ["--data", folder, "--listen", listen, "--secret", SECRET]
    return super.start("CALLBOARD_CLIENTS_SERVER", command, test)
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
}
