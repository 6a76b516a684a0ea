// The map's offline style: base data of our own, optional tiles, the layer of gauges. No glyph server, no sprite.
import { LEVELS } from "./levels.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const kind = (...names) => ["in", ["get", "kind"], ["literal", names]];
const shape = (name) => ["==", ["geometry-type"], name];
const FONT = ["Noto Sans Regular"];
const GROUND = "#f3f1e7";

// Over tiles the schematic layers wait unseen: they would only contradict a real map, but come forward where it fails.
export function styleOf({ base, tiles, credit }) {
  const sources = {
    base: { type: "geojson", data: base || graticule() },
    data: { type: "geojson", data: EMPTY },
  };
  const layers = [{ id: "ground", type: "background", paint: { "background-color": GROUND } }];
  if (tiles) {
    sources.tiles = { type: "raster", tiles: [tiles], tileSize: 256, maxzoom: 18, attribution: credit };
    layers.push({ id: "tiles", type: "raster", source: "tiles", paint: { "raster-saturation": -0.6, "raster-opacity": 0.85 } });
  }
  const visibility = tiles ? "none" : "visible";
  const unseen = (layer) => (layer.source === "base" ? { ...layer, layout: { ...layer.layout, visibility } } : layer);
  return { version: 8, sources, layers: [...layers, ...baseLayers(), ...dataLayers()].map(unseen) };
}

export function showBase(map) {
  for (const layer of map.getStyle().layers) {
    if (layer.source === "base") {
      map.setLayoutProperty(layer.id, "visibility", "visible");
    }
  }
  map.setLayoutProperty("tiles", "visibility", "none");
}

function baseLayers() {
  const wide = (low, high) => ["interpolate", ["linear"], ["zoom"], 7, low, 12, high];
  const round = { "line-cap": "round", "line-join": "round" };
  return [
    { id: "graticule", type: "line", source: "base", filter: kind("graticule"), paint: { "line-color": "#e2dece", "line-width": 1 } },
    {
      id: "town", type: "circle", source: "base", filter: ["all", kind("place"), shape("Point")],
      paint: { "circle-color": "#e2e8d3", "circle-radius": wide(26, 120), "circle-blur": 0.9 },
    },
    {
      id: "land", type: "fill", source: "base", filter: ["all", kind("boundary", "land"), shape("Polygon")],
      paint: { "fill-color": "#fbfaf4" },
    },
    {
      id: "boundary", type: "line", source: "base", filter: kind("boundary"),
      paint: { "line-color": "#7f8a93", "line-width": 1.2, "line-dasharray": [4, 2] },
    },
    {
      id: "water", type: "fill", source: "base", filter: ["all", kind("river", "lake", "sea"), shape("Polygon")],
      paint: { "fill-color": "#c0e4ff" },
    },
    {
      id: "river-bed", type: "line", source: "base", filter: ["all", kind("river"), shape("LineString")],
      layout: round, paint: { "line-color": "#ffffff", "line-width": wide(4, 11), "line-opacity": 0.9 },
    },
    {
      id: "river", type: "line", source: "base", filter: ["all", kind("river"), shape("LineString")],
      layout: round, paint: { "line-color": "#7fbfe8", "line-width": wide(2.4, 8) },
    },
  ];
}

function riverName() {
  return label("river-name", kind("river"), "#0055ad", {
    "symbol-placement": "line", "symbol-spacing": 400, "text-size": 12, "text-letter-spacing": 0.08, "text-max-angle": 40, "text-padding": 3,
  }, shape("LineString"));
}

function label(id, filter, color, layout, geometry) {
  return {
    id, type: "symbol", source: "base", filter: ["all", filter, geometry, ["has", "name"]],
    layout: { "text-field": ["get", "name"], "text-font": FONT, "text-padding": 6, ...layout },
    paint: { "text-color": color, "text-halo-color": "#ffffff", "text-halo-width": 1.6 },
  };
}

// Where a town's name may stand beside the middle of its gauges, nearest first.
const PLACES = [1.2, 2.4, 3.6].flatMap((far) => ["center", [0, 0], "left", [far, 0], "bottom", [0, -far], "top", [0, far], "right", [-far, 0]]);
// Where a raised gauge's name may stand: close by on any side, then a little further off.
const NEAR = [1.5, 2.3].flatMap((far) => ["left", [far, 0], "right", [-far, 0], "bottom", [0, -far], "top", [0, far],
  "top-left", [far * 0.8, far * 0.6], "bottom-right", [-far * 0.8, -far * 0.6], "top-right", [-far * 0.8, far * 0.6], "bottom-left", [far * 0.8, -far * 0.6]]);

function place() {
  return label("place", kind("place"), "#3a4a5c", {
    "text-size": 14, "text-letter-spacing": 0.12, "text-padding": 2,
    "text-variable-anchor-offset": PLACES, "text-justify": "auto",
  }, shape("Point"));
}

// What lies higher is placed first: the worst gauges' names give way to nothing; raised gauges and their names win over calm ones, these over towns' names, then rivers'.
function dataLayers() {
  const level = ["to-string", ["coalesce", ["get", "level"], "none"]];
  const rank = ["coalesce", ["get", "level"], -1];
  const size = (plain, raised) => ["case", [">=", rank, 1], raised, plain];
  const named = (id, filter, layout, paint) => (
    {
      id, type: "symbol", source: "data", filter,
      layout: {
        "text-field": ["get", "name"], "text-font": FONT, "text-size": 12, "text-padding": 1, "text-max-width": 12, "text-justify": "auto",
        "symbol-sort-key": ["-", 0, rank], ...layout,
      },
      paint: { "text-halo-color": "#ffffff", "text-halo-width": 1.8, ...paint },
    }
  );
  const shapes = (id, filter) => (
    {
      id, type: "symbol", source: "data", ...filter,
      layout: {
        "icon-image": ["concat", "level-", level, ["case", ["==", ["get", "stale"], true], "-stale", ""]],
        "icon-allow-overlap": true,
        "icon-padding": 0,
        "icon-size": ["interpolate", ["linear"], ["zoom"], 7, size(0.6, 0.95), 11, size(1, 1.3)],
        "symbol-sort-key": rank,
      },
    }
  );
  return [
    named("data-name", ["<", rank, 1], { "text-size": 11, "text-variable-anchor": ["top", "bottom", "left", "right"], "text-radial-offset": 1.1 }, { "text-color": "#4d4d4d" }),
    riverName(),
    place(),
    shapes("data", {}),
    named("data-name-raised", ["all", [">=", rank, 1], ["<", rank, 3]], { "text-variable-anchor-offset": NEAR }, { "text-color": "#1a1a1a" }),
    shapes("data-raised", { filter: [">=", rank, 1] }),
    named("data-name-worst", [">=", rank, 3], { "text-size": 13.5, "text-variable-anchor-offset": NEAR }, { "text-color": "#1a1a1a", "text-halo-width": 2.4 }),
  ];
}

export function imageNames() {
  return LEVELS.flatMap((level) => [
    { name: `level-${level}`, level, stale: false },
    { name: `level-${level}-stale`, level, stale: true },
  ]);
}

function graticule() {
  const lines = [];
  for (let lon = 122; lon <= 154; lon += 0.25) {
    lines.push([[lon, 20], [lon, 46]]);
  }
  for (let lat = 20; lat <= 46; lat += 0.25) {
    lines.push([[122, lat], [154, lat]]);
  }
  const feature = (coordinates) => ({ type: "Feature", properties: { kind: "graticule" }, geometry: { type: "LineString", coordinates } });
  return { type: "FeatureCollection", features: lines.map(feature) };
}
