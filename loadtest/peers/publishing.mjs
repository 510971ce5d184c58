// What both Node servers share: the publisher's endless request, one line `{"topic":…,"message":…}` per message, and the
// answer with their count. Subscribers come over another way and are none of its business.

import { createInterface } from "node:readline";

export async function takeLines(request, response, publish) {
  let accepted = 0;
  for await (const line of createInterface({ input: request, crlfDelay: Infinity })) {
    const { topic, message } = JSON.parse(line);
    publish(topic, message);
    accepted += 1;
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ accepted }));
}

// Names in `?topics=a,b` of a subscriber's request.
export function topicsOf(url) {
  return new URL(url, "http://localhost").searchParams.get("topics")?.split(",") ?? [];
}

export function listen(server) {
  const port = Number(process.argv[2] ?? 0);
  server.listen({ host: "127.0.0.1", port, backlog: 4096 }, () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}/`);
  });
}
