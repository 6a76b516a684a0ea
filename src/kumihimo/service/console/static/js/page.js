// What every page starts: live changes, copy buttons, and the components that the page holds.
import { follow } from "./live.js";
import "./copy.js";
import "./share.js";

if (document.body.dataset.live) {
  follow(document.body);
}
if (document.querySelector("km-map")) {
  import("./km-map.js");
}
if (document.querySelector("km-chart")) {
  import("./km-chart.js");
}
