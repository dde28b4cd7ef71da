// awslambda.streamifyResponse and HttpResponseStream: answers that leave while the handler still writes.

import { Writable } from "node:stream";

export const STREAMS = Symbol.for("aws.lambda.runtime.handler.streaming");
const HTTP = "application/vnd.awslambda.http-integration-response";

export class ResponseStream extends Writable {
  #open;
  #request;
  #type = "application/octet-stream";
  #prelude;
  #answered = Promise.withResolvers?.() ?? withResolvers();

  constructor(open) {
    super({ highWaterMark: 65536 });
    this.#open = open;
  }

  get begun() {
    return this.#request !== undefined;
  }

  setContentType(type) {
    this.#type = type;
  }

  setPrelude(metadata) {
    this.#type = HTTP;
    this.#prelude = Buffer.concat([Buffer.from(JSON.stringify(metadata)), Buffer.alloc(8)]);
  }

  accepted() {
    return this.#answered.promise;
  }

  #begin() {
    if (this.#request) return;
    this.#request = this.#open({
      "Lambda-Runtime-Function-Response-Mode": "streaming",
      "Transfer-Encoding": "chunked",
      "Content-Type": this.#type,
      Trailer: ["Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"],
    });
    this.#request.on("response", (answer) => answer.resume().on("end", this.#answered.resolve));
    this.#request.on("error", this.#answered.reject);
    if (this.#prelude) this.#request.write(this.#prelude);
  }

  _write(chunk, encoding, done) {
    this.#begin();
    this.#request.write(chunk, encoding, done);
  }

  _final(done) {
    this.#begin();
    this.#request.end(done);
  }

  // What the handler left open is ended for it.
  finish() {
    return new Promise((resolve, reject) => {
      if (this.writableFinished) return resolve();
      this.once("finish", resolve).once("error", reject);
      if (!this.writableEnded) this.end();
    });
  }

  fail({ type, payload }) {
    if (this.#request.writableEnded) return;
    this.#request.addTrailers({
      "Lambda-Runtime-Function-Error-Type": type,
      "Lambda-Runtime-Function-Error-Body": Buffer.from(payload).toString("base64"),
    });
    this.#request.end();
  }
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

export const streaming = {
  streamifyResponse(handler, options) {
    handler[STREAMS] = "response";
    if (typeof options?.highWaterMark === "number") handler.highWaterMark = options.highWaterMark;
    return handler;
  },
  HttpResponseStream: {
    from(stream, metadata) {
      stream.setPrelude(metadata);
      return stream;
    },
  },
};
