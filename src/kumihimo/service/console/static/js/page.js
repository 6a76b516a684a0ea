// What every page starts: live changes, copy buttons, and the components that the page holds.
import { follow } from "./live.js";
import "./copy.js";
import "./share.js";

addEventListener("beforeprint", () => {
  // Sweden writes dates as ISO 8601 does.
  const now = new Date().toLocaleString("sv-SE", { timeZone: "Asia/Tokyo", dateStyle: "short", timeStyle: "short" });
  document.getElementById("km-printed").textContent = now;
});
if (document.body.dataset.live) {
  follow(document.body);
}
if (document.querySelector("km-map")) {
  import("./km-map.js");
}
if (document.querySelector("km-chart")) {
  import("./km-chart.js");
}
