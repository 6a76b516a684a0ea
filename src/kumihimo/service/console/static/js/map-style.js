// The map's offline style: base data of our own, optional tiles, the layer of gauges. No glyph server, no sprite.
import { LEVELS } from "./levels.js";

const EMPTY = { type: "FeatureCollection", features: [] };
const kind = (...names) => ["in", ["get", "kind"], ["literal", names]];
const shape = (name) => ["==", ["geometry-type"], name];
const FONT = ["Noto Sans Regular"];

export function styleOf({ base, tiles, credit }) {
  const sources = {
    base: { type: "geojson", data: base || graticule() },
    data: { type: "geojson", data: EMPTY },
  };
  const layers = [{ id: "ground", type: "background", paint: { "background-color": "#eef2f5" } }];
  if (tiles) {
    sources.tiles = { type: "raster", tiles: [tiles], tileSize: 256, maxzoom: 18, attribution: credit };
    layers.push({ id: "tiles", type: "raster", source: "tiles", paint: { "raster-saturation": -0.6, "raster-opacity": 0.85 } });
  }
  return { version: 8, sources, layers: [...layers, ...baseLayers(Boolean(tiles)), ...dataLayers(Boolean(tiles))] };
}

function baseLayers(overTiles) {
  const layers = [
    { id: "graticule", type: "line", source: "base", filter: kind("graticule"), paint: { "line-color": "#ccd5dc", "line-width": 1 } },
    {
      id: "land", type: "fill", source: "base", filter: ["all", kind("boundary", "land"), shape("Polygon")],
      paint: { "fill-color": "#fafaf7" },
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
      id: "river", type: "line", source: "base", filter: ["all", kind("river"), shape("LineString")],
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": "#57b8ff", "line-width": ["interpolate", ["linear"], ["zoom"], 7, 1.2, 12, 4] },
    },
    label("river-name", kind("river"), "#0055ad", { "symbol-placement": "line", "text-size": 12 }, shape("LineString")),
  ];
  return overTiles ? layers.filter((layer) => layer.type === "line" && layer.id !== "graticule") : layers;
}

function label(id, filter, color, layout, geometry) {
  return {
    id, type: "symbol", source: "base", filter: ["all", filter, geometry, ["has", "name"]],
    layout: { "text-field": ["get", "name"], "text-font": FONT, "text-padding": 6, ...layout },
    paint: { "text-color": color, "text-halo-color": "#ffffff", "text-halo-width": 1.6 },
  };
}

// Where a town's name may stand beside the middle of its gauges, nearest first.
const PLACES = [1.2, 2.4, 3.6].flatMap((far) => ["center", [0, 0], "left", [far, 0], "right", [-far, 0], "bottom", [0, -far], "top", [0, far]]);

function place() {
  return label("place", kind("place"), "#3a4a5c", {
    "text-size": 14, "text-letter-spacing": 0.12, "text-padding": 2,
    "text-variable-anchor-offset": PLACES, "text-justify": "auto",
  }, shape("Point"));
}

function dataLayers(overTiles) {
  const level = ["to-string", ["coalesce", ["get", "level"], "none"]];
  const rank = ["coalesce", ["get", "level"], -1];
  const size = (plain, raised) => ["case", [">=", rank, 1], raised, plain];
  // Names lie below the shapes and give way to them: what is raised is never hidden. Towns come before gauges that are calm.
  const named = (id, filter) => (
    {
      id, type: "symbol", source: "data", filter,
      layout: {
        "text-field": ["get", "name"], "text-font": FONT, "text-size": 12, "text-padding": 1, "text-max-width": 12,
        "text-variable-anchor": ["top", "bottom", "left", "right"], "text-radial-offset": size(1.15, 1.6), "text-justify": "auto",
        "symbol-sort-key": ["-", 0, rank],
      },
      paint: { "text-color": "#1a1a1a", "text-halo-color": "#ffffff", "text-halo-width": 1.8 },
    }
  );
  return [
    named("data-name", ["<", rank, 1]),
    ...(overTiles ? [] : [place()]),
    named("data-name-raised", [">=", rank, 1]),
    {
      id: "data", type: "symbol", source: "data",
      layout: {
        "icon-image": ["concat", "level-", level, ["case", ["==", ["get", "stale"], true], "-stale", ""]],
        "icon-allow-overlap": true,
        "icon-padding": 0,
        "icon-size": ["interpolate", ["linear"], ["zoom"], 7, size(0.65, 1), 11, size(1, 1.3)],
        "symbol-sort-key": rank,
      },
    },
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
