// The queue, over Redis' own protocol: one connection that waits for work and gives it back when it could not be done.

import { once } from "node:events";
import net from "node:net";

const LARGEST_REPLY = 1024 * 1024;

/** A connection to the queue; commands are answered in order. */
export class Queue {
  #socket;
  #bytes = Buffer.alloc(0);
  #waiting = [];

  static async connect(url) {
    const { hostname, port, password } = new URL(url);
    const queue = new Queue();
    queue.#socket = net.connect({ host: hostname, port: Number(port || 6379) });
    queue.#socket.on("data", (bytes) => queue.#read(bytes));
    queue.#socket.on("close", () => queue.#fail(new Error("the queue broke off")));
    queue.#socket.on("error", (error) => queue.#fail(error));
    await once(queue.#socket, "connect");
    if (password) await queue.call("AUTH", decodeURIComponent(password));
    return queue;
  }

  call(...words) {
    if (this.#socket.destroyed) return Promise.reject(new Error("the queue is closed"));
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.#socket.write(`*${parts.length}\r\n${parts.join("")}`);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close() {
    this.#socket.destroy();
  }

  #fail(error) {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  #read(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.#bytes.length > LARGEST_REPLY) this.#socket.destroy(new Error("a reply is too long"));
    for (let reply = parse(this.#bytes); reply; reply = parse(this.#bytes)) {
      this.#bytes = this.#bytes.subarray(reply.length);
      const waiting = this.#waiting.shift();
      if (reply.value instanceof Error) waiting?.reject(reply.value);
      else waiting?.resolve(reply.value);
    }
  }
}

/** One whole reply at the start of the bytes, or null when more has to come. */
export function parse(bytes) {
  const end = bytes.indexOf("\r\n");
  if (end < 0) return null;
  const [kind, rest] = [String.fromCharCode(bytes[0]), bytes.toString("utf8", 1, end)];
  if (kind === "+") return { value: rest, length: end + 2 };
  if (kind === "-") return { value: new Error(`the queue refused: ${rest.split(" ")[0]}`), length: end + 2 };
  if (kind === ":") return { value: Number(rest), length: end + 2 };
  if (kind === "*" && rest === "-1") return { value: null, length: end + 2 }; // waited in vain
  if (kind !== "$") return { value: new Error("a reply of a kind not asked for"), length: bytes.length };
  const size = Number(rest);
  if (size < 0) return { value: null, length: end + 2 };
  if (bytes.length < end + 2 + size + 2) return null;
  return { value: bytes.toString("utf8", end + 2, end + 2 + size), length: end + 2 + size + 2 };
}
