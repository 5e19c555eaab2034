// A line to the station that a test can cut, or hold as a sleeping machine or a dead network does.

import { connect, createServer } from "node:net";

export class Line {
  static async to(port) {
    const line = new Line();
    line.sockets = new Set();
    line.server = createServer((near) => {
      if (line.isCut) return near.destroy();
      const far = connect(port, "127.0.0.1");
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
