// What a client heard, in its order, to be waited for.

/** What does not come within this time does not come. */
export const SOON = 20_000

export class Heard {
  constructor(name) {
    this.name = name
    this.items = []
    this.waiting = new Set()
  }

  push = (item) => {
    this.items.push(item)
    for (const look of [...this.waiting]) look()
  }

  /** Waits until `found(items)` is neither false nor undefined, and returns it. */
  until(found, what, within = SOON) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        this.waiting.delete(look)
        const last = JSON.stringify(this.items.slice(-5))
        reject(new Error(`${this.name}: ${what} did not come; ${this.items.length} came, the last: ${last}`))
      }, within)
      const look = () => {
        const value = found(this.items)
        if (value === undefined || value === false) return
        clearTimeout(late)
        this.waiting.delete(look)
        resolve(value)
      }
      this.waiting.add(look)
      look()
    })
  }

  /** Waits for the first item behind those taken before that fits, and takes everything up to it. */
  async next(fits = () => true, what = "the next one", within = SOON) {
    const from = this.taken ?? 0
    const at = await this.until((items) => {
      const at = items.findIndex((item, i) => i >= from && fits(item))
      return at >= 0 && at + 1
    }, what, within)
    this.taken = at
    return this.items[at - 1]
  }

  /** Waits until so many have come. */
  count(n, within = SOON) {
    return this.until((items) => items.length >= n, `number ${n}`, within)
  }
}

/** An event of whatever has `on` or takes a callback, once. */
export function event(subscribe, what, within = SOON) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${what} did not happen`)), within)
    subscribe((...args) => {
      clearTimeout(late)
      resolve(args.length > 1 ? args : args[0])
    })
  })
}
