// <km-map data-src data-base data-tiles …>table</km-map>: draws the features; the table inside stays and says the same.
import { Map as GlMap, NavigationControl, Popup, setWorkerUrl } from "../vendor/maplibre-gl.mjs";
import { addStyle } from "./styles.js";
import { drawLevel } from "./levels.js";
import { imageNames, showBase, styleOf } from "./map-style.js";

setWorkerUrl(new URL("../vendor/maplibre-gl-worker.mjs", import.meta.url).href);
const FONTS = '"Noto Sans JP", "Noto Sans CJK JP", "BIZ UDPGothic", "Hiragino Sans", "Yu Gothic", sans-serif';

class KmMap extends HTMLElement {
  connectedCallback() {
    if (this.box) {
      return;
    }
    this.box = document.createElement("div");
    this.box.className = "km-map-box";
    this.note = document.createElement("p");
    this.note.className = "km-quiet km-map-note";
    this.note.setAttribute("role", "status");
    this.prepend(this.box, this.note);
    this.start().catch((problem) => this.fail(problem));
  }

  disconnectedCallback() {
    document.body.removeEventListener("km:change", this.refresh);
    removeEventListener("beforeprint", this.picture);
    removeEventListener("afterprint", this.unpicture);
    this.map?.remove();
  }

  async start() {
    const wanted = [this.dataset.base ? load(this.dataset.base) : null, load(this.dataset.src), addStyle("../vendor/maplibre-gl.css")];
    const [base, data] = await Promise.all(wanted);
    const { tiles, tilesCredit: credit } = this.dataset;
    this.map = new GlMap({
      container: this.box,
      style: styleOf({ base, tiles, credit }),
      localIdeographFontFamily: FONTS,
      attributionControl: tiles ? { compact: false } : false,
      cooperativeGestures: true,
      dragRotate: false,
      pitchWithRotate: false,
      maxZoom: 16,
      fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 200,
      locale: this.words(),
      ...extent([...data.features, ...(base?.features || [])], this.clientWidth),
    });
    this.watchTiles(tiles);
    // Not a landmark: the page's own section around the map already is one of the same name.
    this.map.getCanvas().setAttribute("role", "group");
    this.map.touchZoomRotate.disableRotation();
    this.map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    for (const { name, level, stale } of imageNames()) {
      this.map.addImage(name, drawLevel(level, stale), { pixelRatio: 2 });
    }
    await this.map.once("load");
    this.draw(data);
    this.map.on("click", "data", (event) => this.open(event.features[0]));
    this.map.on("mousemove", "data", (event) => this.hint(event.features[0]));
    this.map.on("mouseleave", "data", () => this.hint(null));
    this.picture = () => this.draw2d();
    this.unpicture = () => this.box.querySelector(".km-map-print")?.remove();
    addEventListener("beforeprint", this.picture);
    addEventListener("afterprint", this.unpicture);
    this.map.once("idle", () => this.toggleAttribute("data-ready", true));
    this.refresh = () => load(this.dataset.src).then((fresh) => this.draw(fresh)).catch(() => {});
    document.body.addEventListener("km:change", this.refresh);
  }

  draw(data) {
    this.features = data.features;
    this.map.getSource("data").setData(data);
    this.dataset.count = data.features.length;
    this.dataset.drawn = Number(this.dataset.drawn || 0) + 1;
  }

  watchTiles(tiles) {
    this.note.textContent = tiles ? "" : this.dataset.note || "";
    let loaded = !tiles;
    this.map.on("data", (event) => (loaded ||= event.sourceId === "tiles" && Boolean(event.tile)));
    this.map.on("error", ({ sourceId, error }) => {
      if (sourceId !== "tiles") {
        console.warn("km-map", error?.message);
      } else if (!loaded) {
        loaded = true;
        showBase(this.map);
        this.note.textContent = `${this.dataset.tTiles} ${this.dataset.note || ""}`;
        this.toggleAttribute("data-without-tiles", true);
      }
    });
  }

  // What the pointer is over, in words.
  hint(feature) {
    this.map.getCanvas().style.cursor = feature ? "pointer" : "";
    if (this.hinted?.id === feature?.properties.id) {
      return;
    }
    this.hinted?.popup.remove();
    this.hinted = null;
    if (feature) {
      const { id, name, label } = feature.properties;
      const popup = new Popup({ closeButton: false, closeOnClick: false, offset: 14, className: "km-hint-popup" });
      popup.setLngLat(feature.geometry.coordinates).setText([name, label].filter(Boolean).join(" ")).addTo(this.map);
      this.hinted = { id, popup };
    }
  }

  // Paper gets a copy of the picture: what WebGL drew is gone from its canvas by the time that a page is printed.
  draw2d() {
    this.unpicture();
    this.map.redraw();
    const drawn = this.map.getCanvas();
    const copy = document.createElement("canvas");
    copy.className = "km-map-print";
    copy.width = drawn.width;
    copy.height = drawn.height;
    copy.getContext("2d").drawImage(drawn, 0, 0);
    this.box.append(copy);
  }

  open({ properties, geometry }) {
    this.hint(null);
    const body = document.createElement("div");
    body.className = "km-popup";
    line(body, "strong", properties.name);
    line(body, "span", properties.label || "");
    if (properties.stale) {
      line(body, "span", this.dataset.tStale);
    }
    if (properties.href) {
      line(body, "a", this.dataset.tOpen).href = properties.href;
    }
    new Popup({ maxWidth: "18rem", offset: 12 }).setLngLat(geometry.coordinates).setDOMContent(body).addTo(this.map);
  }

  words() {
    const { label, tCtrl, tTouch, tIn, tOut, tClose } = this.dataset;
    return {
      "Map.Title": label,
      "NavigationControl.ZoomIn": tIn,
      "NavigationControl.ZoomOut": tOut,
      "Popup.Close": tClose,
      "CooperativeGesturesHandler.WindowsHelpText": tCtrl,
      "CooperativeGesturesHandler.MacHelpText": tCtrl.replace("Ctrl", "⌘"),
      "CooperativeGesturesHandler.MobileHelpText": tTouch,
    };
  }

  fail(problem) {
    this.box.className = "km-notice";
    this.box.textContent = this.dataset.tFailed;
    this.toggleAttribute("data-failed", true);
    console.warn("km-map", problem.message);
  }
}

function line(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
  return element;
}

async function load(address) {
  const answer = await fetch(address, { headers: { accept: "application/geo+json, application/json" } });
  if (!answer.ok) {
    throw new Error(`${address}: ${answer.status}`);
  }
  return answer.json();
}

function extent(features, width) {
  const points = features.filter((feature) => feature.geometry?.type === "Point").map((feature) => feature.geometry.coordinates);
  if (points.length === 0) {
    return { center: [137, 36.5], zoom: 5 };
  }
  const lons = points.map(([lon]) => lon);
  const lats = points.map(([, lat]) => lat);
  const side = width > 500 ? 90 : 60; // names stand beside the outermost points
  const bounds = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  return { bounds, fitBoundsOptions: { padding: { top: 60, bottom: 60, left: side, right: side }, maxZoom: 12 } };
}

customElements.define("km-map", KmMap);
