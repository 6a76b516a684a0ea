// A photograph for the report: made small here, blacked out where one marks it, and sent as its pixels alone.
const MAX_SIDE = 1600;
const MAX_BYTES = 900_000;
const QUALITIES = [0.82, 0.7, 0.55, 0.4];
const TAP = 0.02; // a drag shorter than this part of a side marks a corner
const STEP = 1 / 40;
const MOVES = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class Photo {
  // part holds the file field, the canvas, its buttons and the box to be ticked; marks are in parts of the sides.
  constructor(part) {
    this.file = part.querySelector("input[type=file]");
    this.box = part.querySelector("#photo-box");
    this.canvas = part.querySelector("canvas");
    this.nobody = part.querySelector("[name=nobody]");
    this.undo = part.querySelector("#photo-undo");
    this.said = part.querySelector("#photo-said");
    this.words = part.dataset;
    this.clear();
    part.hidden = false;
    this.file.addEventListener("change", () => this.take(this.file.files[0]));
    this.undo.addEventListener("click", () => this.takeBack());
    part.querySelector("#photo-remove").addEventListener("click", () => this.clear());
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.drag(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => this.press(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  get isThere() {
    return this.picture !== null;
  }

  clear() {
    this.picture = null;
    this.file.value = "";
    this.said.textContent = "";
    this.start();
  }

  start() {
    this.marks = [];
    this.corner = this.pressed = this.dragged = null;
    this.cursor = [0.5, 0.5];
    this.usesKeys = false;
    this.nobody.checked = false;
    this.nobody.required = this.isThere;
    this.box.hidden = !this.isThere;
    this.undo.disabled = true;
  }

  async take(file) {
    if (!file) {
      return;
    }
    let found;
    try {
      found = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      this.clear();
      this.said.textContent = this.words.tBroken;
      return;
    }
    const scale = Math.min(1, MAX_SIDE / Math.max(found.width, found.height));
    this.canvas.width = Math.max(1, Math.round(found.width * scale));
    this.canvas.height = Math.max(1, Math.round(found.height * scale));
    this.picture = found;
    this.said.textContent = "";
    this.start();
    this.draw();
  }

  draw() {
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    pen.fillStyle = "#fff"; // where the picture is transparent
    pen.fillRect(0, 0, width, height);
    pen.drawImage(this.picture, 0, 0, width, height);
    pen.fillStyle = "#000";
    for (const [left, top, right, bottom] of this.dragged ? [...this.marks, this.dragged] : this.marks) {
      pen.fillRect(Math.floor(left * width), Math.floor(top * height), Math.ceil((right - left) * width) + 1, Math.ceil((bottom - top) * height) + 1);
    }
  }

  // What helps to mark, on top of the picture; never in what is sent.
  drawHelp() {
    this.draw();
    const pen = this.canvas.getContext("2d");
    for (const place of [this.corner, this.usesKeys ? this.cursor : null]) {
      if (place) {
        const [x, y] = [place[0] * this.canvas.width, place[1] * this.canvas.height];
        for (const [style, wide] of [["#fff", 7], ["#c00", 3]]) {
          pen.strokeStyle = style;
          pen.lineWidth = wide;
          pen.beginPath();
          pen.moveTo(x - 20, y);
          pen.lineTo(x + 20, y);
          pen.moveTo(x, y - 20);
          pen.lineTo(x, y + 20);
          pen.stroke();
        }
      }
    }
  }

  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  }

  press(event) {
    this.dragged = null;
    this.pressed = event && this.place(event);
    if (event) {
      this.usesKeys = false;
      this.canvas.setPointerCapture(event.pointerId);
    }
    this.drawHelp();
  }

  drag(event) {
    if (this.pressed) {
      this.dragged = between(this.pressed, this.place(event));
      this.drawHelp();
    }
  }

  release(event) {
    if (!this.pressed) {
      return;
    }
    const mark = between(this.pressed, this.place(event));
    const isTap = mark[2] - mark[0] < TAP && mark[3] - mark[1] < TAP;
    this.dragged = null;
    if (isTap) {
      this.setCorner(this.pressed);
    } else {
      this.mark(mark);
    }
    this.pressed = null;
  }

  key(event) {
    const move = MOVES[event.key];
    if (move) {
      this.usesKeys = true;
      this.cursor = this.cursor.map((at, axis) => within(at + move[axis]));
      this.drawHelp();
    } else if (event.key === "Enter" || event.key === " ") {
      this.usesKeys = true;
      this.setCorner([...this.cursor]);
    } else {
      return;
    }
    event.preventDefault();
  }

  // Two corners, each by a tap or a key, mark as much as one drag.
  setCorner(place) {
    if (this.corner) {
      this.mark(between(this.corner, place));
    } else {
      this.corner = place;
      this.drawHelp();
    }
  }

  mark(mark) {
    this.corner = null;
    this.marks.push(mark);
    this.undo.disabled = false;
    this.drawHelp();
  }

  takeBack() {
    this.marks.pop();
    this.corner = null;
    this.undo.disabled = this.marks.length === 0;
    this.nobody.checked = false; // what is to be seen now is to be looked at anew
    this.drawHelp();
  }

  // As base64url without padding; the smallest loss that fits.
  async text() {
    this.draw();
    let blob;
    for (const quality of QUALITIES) {
      blob = await new Promise((resolve) => this.canvas.toBlob(resolve, "image/jpeg", quality));
      if (blob.size <= MAX_BYTES) {
        break;
      }
    }
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 0x8000) {
      text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
    }
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }
}

function within(part) {
  return Math.min(1, Math.max(0, part));
}

function between([x, y], [u, v]) {
  return [Math.min(x, u), Math.min(y, v), Math.max(x, u), Math.max(y, v)];
}
