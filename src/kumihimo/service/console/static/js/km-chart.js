// <km-chart data-src>table</km-chart>: draws series over thresholds; the table inside stays and says the same.
import { addStyle } from "./styles.js";
import uPlot from "../vendor/uPlot.esm.js";

const INK = ["#0017c1", "#0b6e4f", "#8b1a89", "#b35c00", "#00607a"];
const RAIN = "#4979f5";
const LEVEL = { 1: "#197a4b", 2: "#9a6b00", 3: "#c70000", 4: "#5109ad" };
const FONT = '12px "Noto Sans JP", "Noto Sans CJK JP", "BIZ UDPGothic", sans-serif';
const PAPER = 650; // CSS pixels between the margins of a portrait A4
const zone = (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Asia/Tokyo");
const clock = uPlot.fmtDate("{YYYY}-{MM}-{DD} {HH}:{mm}");

class KmChart extends HTMLElement {
  connectedCallback() {
    if (this.box) {
      return;
    }
    this.box = document.createElement("div");
    this.box.className = "km-chart-box";
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", this.dataset.label);
    this.prepend(this.box);
    this.refresh = () => this.load().catch((problem) => this.fail(problem));
    this.watch = new ResizeObserver(() => this.plot?.setSize(this.size()));
    this.watch.observe(this);
    document.body.addEventListener("km:change", this.refresh);
    this.narrow = () => this.plot?.setSize({ ...this.size(), width: Math.min(this.size().width, PAPER) });
    this.widen = () => this.plot?.setSize(this.size());
    addEventListener("beforeprint", this.narrow);
    addEventListener("afterprint", this.widen);
    addStyle("../vendor/uPlot.min.css").then(this.refresh);
  }

  disconnectedCallback() {
    document.body.removeEventListener("km:change", this.refresh);
    this.watch.disconnect();
    removeEventListener("beforeprint", this.narrow);
    removeEventListener("afterprint", this.widen);
    this.plot?.destroy();
  }

  size() {
    return { width: Math.max(220, this.clientWidth - 20), height: this.clientWidth < 500 ? 240 : 320 };
  }

  async load() {
    const answer = await fetch(this.dataset.src, { headers: { accept: "application/json" } });
    if (!answer.ok) {
      throw new Error(`${this.dataset.src}: ${answer.status}`);
    }
    const { series, thresholds = [] } = await answer.json();
    const filled = series.filter((one) => one.points.length > 0);
    this.dataset.points = filled.reduce((sum, one) => sum + one.points.length, 0);
    if (filled.length === 0) {
      this.say(this.dataset.tEmpty);
      return;
    }
    const data = join(filled);
    const shape = JSON.stringify([filled.map(({ label, unit, kind }) => [label, unit, kind]), thresholds]);
    if (this.plot && this.shape === shape) {
      this.plot.setData(data);
    } else {
      this.plot?.destroy();
      this.box.textContent = "";
      this.shape = shape;
      this.plot = new uPlot(this.options(filled, thresholds), data, this.box);
    }
    this.toggleAttribute("data-ready", true);
  }

  options(series, thresholds) {
    const lines = series.filter((one) => one.kind !== "bar");
    const bars = series.filter((one) => one.kind === "bar");
    const axes = [{ font: FONT, values: stamps, space: 70 }];
    if (lines.length) {
      axes.push(axis("y", lines[0], 3, true));
    }
    if (bars.length) {
      axes.push(axis("rain", bars[0], lines.length ? 1 : 3, !lines.length));
    }
    return {
      ...this.size(),
      tzDate: zone,
      cursor: { drag: { x: true, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_, low, high) => span(low, high, thresholds) }, rain: { range: (_, _low, high) => [0, Math.max(10, high * 2.2)] } },
      axes,
      series: [{ label: this.dataset.tTime, value: (_, at) => (at == null ? "–" : clock(zone(at))) }, ...series.map(line)],
      hooks: { draw: [(plot) => marks(plot, thresholds)] },
    };
  }

  say(words) {
    this.plot?.destroy();
    this.plot = null;
    this.shape = "";
    this.box.textContent = words;
  }

  fail(problem) {
    if (!this.plot) {
      this.say(this.dataset.tFailed);
    }
    this.toggleAttribute("data-failed", true);
    console.warn("km-chart", problem.message);
  }
}

function join(series) {
  const tables = series.map((one) => [one.points.map(([at]) => at), one.points.map(([, value]) => value)]);
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

function axis(scale, { unit, label }, side, grid) {
  return { scale, side, font: FONT, labelFont: FONT, label: unit ? `${label} (${unit})` : label, labelSize: 22, size: 52, grid: { show: grid } };
}

function line(one, index) {
  const value = (_, number) => (number == null ? "–" : `${number} ${one.unit}`);
  if (one.kind === "bar") {
    return { label: one.label, scale: "rain", value, stroke: RAIN, fill: `${RAIN}80`, paths: uPlot.paths.bars({ size: [0.8, 14] }), points: { show: false } };
  }
  const colour = INK[index % INK.length];
  return { label: one.label, scale: "y", value, stroke: colour, width: 2, spanGaps: true, points: { size: 4 } };
}

function span(low, high, thresholds) {
  // A threshold far above the water would flatten the line; those within reach are shown.
  const height = Math.max(high - low, 0.5);
  const near = thresholds.map((one) => one.value).filter((value) => value < high + height * 2 + 1);
  const top = Math.max(high, ...near);
  const bottom = Math.min(low, ...near);
  const room = (top - bottom) * 0.08;
  return [bottom - room, top + room];
}

function stamps(_, moments) {
  let day = "";
  return moments.map((moment) => {
    const at = zone(moment);
    const today = `${at.getMonth() + 1}/${at.getDate()}`;
    const time = `${at.getHours()}:${String(at.getMinutes()).padStart(2, "0")}`;
    const text = today === day ? time : `${time}\n${today}`;
    day = today;
    return text;
  });
}

function marks(plot, thresholds) {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `bold ${12 * ratio}px "Noto Sans JP", "Noto Sans CJK JP", sans-serif`;
  ctx.textBaseline = "bottom";
  ctx.textAlign = "left";
  for (const { label, value, level } of thresholds) {
    const y = Math.round(plot.valToPos(value, "y", true));
    if (y < bbox.top || y > bbox.top + bbox.height) {
      continue;
    }
    ctx.strokeStyle = ctx.fillStyle = LEVEL[level] || "#4d4d4d";
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash([6 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillText(`${label} ${value}`, bbox.left + 6 * ratio, y - 2 * ratio);
  }
  ctx.restore();
}

customElements.define("km-chart", KmChart);
