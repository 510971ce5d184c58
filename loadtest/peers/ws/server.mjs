// `ws` as a careful user writes it: a set of sockets per topic, the message made into bytes once, one send per socket.

import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { listen, takeLines, topicsOf } from "../publishing.mjs";

const subscribers = new Map();

function publish(topic, message) {
  const bytes = Buffer.from(JSON.stringify(message));
  for (const socket of subscribers.get(topic) ?? []) {
    socket.send(bytes, { binary: false });
  }
}

const server = createServer((request, response) => takeLines(request, response, publish));

new WebSocketServer({ server }).on("connection", (socket, request) => {
  const topics = topicsOf(request.url);
  for (const topic of topics) {
    if (!subscribers.has(topic)) subscribers.set(topic, new Set());
    subscribers.get(topic).add(socket);
  }
  socket.on("close", () => topics.forEach((topic) => subscribers.get(topic).delete(socket)));
  socket.send("ready");
});

listen(server);
