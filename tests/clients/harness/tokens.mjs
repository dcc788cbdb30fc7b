// JSON Web Tokens, signed with HS256.
import { createHmac } from "node:crypto"

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A token with these claims, good for `seconds`. */
export function token(secret, claims, seconds = 3600) {
  const body = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(Date.now() / 1000) + seconds, ...claims })}`
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`
}
