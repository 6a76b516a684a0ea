// Levels as shapes drawn on canvas: the same shapes and colours as the badges of the tables.
export const LEVELS = ["none", "0", "1", "2", "3", "4"];
const COLOURS = { none: "#666666", 0: "#0055ad", 1: "#197a4b", 2: "#ffc700", 3: "#ec0000", 4: "#6f23d0" };

const SHAPES = {
  none: (c) => c.arc(0, 0, 5, 0, 2 * Math.PI),
  0: (c) => c.arc(0, 0, 6, 0, 2 * Math.PI),
  1: (c) => c.rect(-6, -6, 12, 12),
  2: (c) => polygon(c, [[0, -8], [8, 6.5], [-8, 6.5]]),
  3: (c) => polygon(c, [[0, -9], [9, 0], [0, 9], [-9, 0]]),
  4: (c) => polygon(c, [[-4, -9], [4, -9], [9, -4], [9, 4], [4, 9], [-4, 9], [-9, 4], [-9, -4]]),
};

function polygon(context, points) {
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
}

export function levelName(level) {
  return level === null || level === undefined ? "none" : String(level);
}

export function drawLevel(name, stale) {
  const size = 52;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const context = canvas.getContext("2d");
  context.translate(size / 2, size / 2);
  context.scale(2, 2);
  context.beginPath();
  SHAPES[name](context);
  context.lineJoin = "round";
  context.lineWidth = 4.5;
  context.strokeStyle = "#ffffff";
  context.stroke();
  context.fillStyle = "#ffffff";
  context.fill();
  if (name !== "none") {
    // Without recent data: the level's shape stays, pale and with a broken edge.
    context.globalAlpha = stale ? 0.3 : 1;
    context.fillStyle = COLOURS[name];
    context.fill();
    context.globalAlpha = 1;
  }
  if (name === "4") {
    context.fillStyle = stale ? "#1a1a1a" : "#ffffff";
    context.fillRect(-1.2, -5.5, 2.4, 6.5);
    context.fillRect(-1.2, 2.6, 2.4, 2.4);
  }
  context.lineWidth = name === "none" || stale ? 2 : 1.5;
  context.strokeStyle = name === "none" ? COLOURS.none : "#1a1a1a";
  if (stale) {
    context.setLineDash([2.5, 2]);
  }
  context.stroke();
  return context.getImageData(0, 0, size, size);
}
