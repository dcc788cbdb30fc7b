// A process that a test starts and stops: it has a folder of its own, and says where it listens in the first line that it prints.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

export class Program {
  /**
   * Starts the program that an environment variable names, on a new folder; `command(folder, listen)` gives its arguments.
   * With a test, process and folder go when it is over; without one, `remove` them.
   */
  static async start(variable, command, test) {
    const program = new this()
    program.path = process.env[variable]
    if (!program.path) throw new Error(`${variable} is not set; run: cargo xtask clients`)
    program.command = command
    program.folder = await mkdtemp(join(tmpdir(), "callboard-clients-"))
    test?.after(() => program.remove())
    await program.run("127.0.0.1:0")
    return program
  }

  async run(listen) {
    this.process = spawn(this.path, this.command(this.folder, listen), { stdio: ["ignore", "pipe", "inherit"] })
    this.ended = once(this.process, "exit")
    const lines = createInterface({ input: this.process.stdout })
    const end = this.ended.then(([code, signal]) => [`it ended with ${code ?? signal}`])
    const [line] = await Promise.race([once(lines, "line"), end])
    const [address, port] = line.match(/127\.0\.0\.1:(\d+)/) ?? []
    if (!port) throw new Error(`${this.path} did not start: ${line}`)
    this.address = address
    this.port = Number(port)
  }

  /** Asks it to stop, as a deploy does: it drains its clients. */
  async stop() {
    this.process.kill("SIGTERM")
    const [code, signal] = await this.ended
    if (code !== 0) throw new Error(`${this.path} ended with ${code ?? signal}`)
  }

  /** Ends it at once. */
  async kill() {
    this.process.kill("SIGKILL")
    await this.ended
  }

  /** The same folder and the same address, in a new process. */
  async comeBack() {
    await this.run(this.address)
  }

  async remove() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill()
    await rm(this.folder, { recursive: true, force: true })
  }
}
