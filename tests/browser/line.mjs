// A line to the station that a test can cut, or hold as a sleeping machine or a dead network does. It keeps
// what passes.

import { connect, createServer } from "node:net";

export class Line {
  static async to(port) {
    const line = new Line();
    line.sockets = new Set();
    line.exchanges = [];
    line.server = createServer((near) => {
      if (line.isCut) return near.destroy();
      const far = connect(port, "127.0.0.1");
      line.listen(near, far);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ]) {
        line.sockets.add(one);
        one.on("data", (bytes) => other.write(bytes));
        one.on("error", () => other.destroy());
        one.on("close", () => {
          line.sockets.delete(one);
          other.end();
        });
      }
      if (line.isHeld) line.hold();
    });
    await new Promise((resolve) => line.server.listen(0, "127.0.0.1", resolve));
    line.url = `http://127.0.0.1:${line.server.address().port}`;
    return line;
  }

  /** Keeps what is asked, and what is answered to that. */
  listen(near, far) {
    let answer = [];
    near.on("data", (bytes) => {
      answer = [];
      this.exchanges.push({ asked: bytes.toString("latin1"), at: Date.now(), answer });
    });
    far.on("data", (bytes) => answer.push(bytes));
  }

  /** The last time that a stream was asked for, and what the player has got of it since. */
  lastOf(path) {
    const { at, answer } = this.exchanges.findLast(({ asked }) => asked.startsWith(`GET ${path} `));
    const bytes = Buffer.concat(answer);
    return { at, stream: bytes.subarray(bytes.indexOf("\r\n\r\n") + 4) };
  }

  /** Nothing passes, and nothing says so. */
  hold() {
    this.isHeld = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** All connections end, and no new ones come about. */
  cut() {
    this.isCut = true;
    for (const socket of this.sockets) socket.destroy();
  }

  /** All is well, for new connections. */
  mend() {
    [this.isCut, this.isHeld] = [false, false];
  }

  close() {
    this.cut();
    this.server.close();
  }
}
