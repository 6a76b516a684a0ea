// MQTT.js behind two pipes: a line of JSON in is a call, a line out is its answer ("call") or an event ("event").
import { createInterface } from "node:readline";
import mqtt from "mqtt";

const clients = new Map();
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const failed = (problem) => ({ error: problem.code ?? String(problem), words: String(problem) });

const calls = {
  connect({ name, url, options }, answer) {
    const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 10000, ...options });
    clients.set(name, client);
    client.once("connect", ({ sessionPresent, reasonCode, returnCode, properties }) =>
      answer({ sessionPresent, code: reasonCode ?? returnCode, properties }),
    );
    client.on("error", (problem) => answer(failed(problem)));
    client.on("disconnect", ({ reasonCode }) => say({ event: "disconnect", name, code: reasonCode }));
    client.on("message", (topic, payload, { qos, retain, properties }) =>
      say({ event: "message", name, topic, payload: payload.toString(), qos, retain, properties }),
    );
  },
  subscribe({ name, topic, options }, answer) {
    clients.get(name).subscribe(topic, options, (problem, granted) => answer(problem ? failed(problem) : { granted }));
  },
  publish({ name, topic, payload, options }, answer) {
    clients.get(name).publish(topic, payload, options, (problem, packet) =>
      answer(problem ? failed(problem) : { code: packet?.reasonCode ?? 0 }),
    );
  },
  leave({ name, options }, answer) {
    clients.get(name).end(false, options, () => answer({}));
  },
  cut({ name }, answer) {
    clients.get(name).once("close", () => answer({}));
    clients.get(name).stream.destroy();
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, kind, ...given } = JSON.parse(line);
  let answered = false;
  calls[kind](given, (found) => {
    if (!answered) say({ call, ...found });
    answered = true;
  });
}
for (const client of clients.values()) client.end(true);
