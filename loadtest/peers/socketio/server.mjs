// Socket.IO as its documentation shows it: a room per topic, `io.to(room).emit`.

import { createServer } from "node:http";
import { Server } from "socket.io";
import { listen, takeLines, topicsOf } from "../publishing.mjs";

const server = createServer((request, response) => takeLines(request, response, publish));
const io = new Server(server);

function publish(topic, message) {
  io.to(topic).emit("m", message);
}

io.on("connection", (socket) => {
  socket.join(topicsOf(socket.request.url));
  socket.emit("ready");
});

listen(server);
