// Lots that can be drawn again: the seed is printed, and CALLBOARD_SEED sets it.

export const SEED = Number(process.env.CALLBOARD_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** Numbers from 0 to 1 (mulberry32); each name draws its own. */
export function lots(name) {
  let state = SEED
  for (const letter of name) state = Math.imul(state ^ letter.codePointAt(0), 0x9e3779b1)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
