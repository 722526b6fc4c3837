// The stage: one canvas on which the current picture is drawn, its zoom, its contrast, and words in its place.

import { fill, h } from "./dom.js";
import { fitted } from "./fitting.js";

const SHARP_FROM = 4; // zoomed this much, pixels are shown as squares
const SAMPLE = 64; // side of the small copy from which grey values are measured

/** Draws pictures; `press` is called when one is clicked or tapped. `painted` is when the present picture was drawn (milliseconds as in event.timeStamp), or null. */
export class Stage {
  constructor(press) {
    this.canvas = h("canvas", { class: "wb-canvas", role: "img", "aria-label": "No image" });
    this.notice = h("div", { class: "wb-notice", hidden: true });
    this.element = h("section", { class: "wb-stage", "aria-label": "Image" }, this.canvas, this.notice);
    this.context = this.canvas.getContext("2d", { alpha: true });
    this.painted = null;
    this.picture = null;
    this.zoomed = false;
    this.stretched = false;
    this.centre = { x: 0.5, y: 0.5 };
    new ResizeObserver(([entry]) => this._resize(entry.contentRect)).observe(this.element);
    this.element.addEventListener("pointermove", (event) => this._follow(event));
    this.element.addEventListener("click", (event) => {
      if (!this.picture) return;
      press();
      this._follow(event); // what was pressed is what is seen closer
    });
  }

  /** The size at which pictures are drawn, in pixels of the screen. */
  get size() {
    return { width: this.canvas.width, height: this.canvas.height, density: window.devicePixelRatio || 1 };
  }

  /** Paint a decoded picture; from here on a press belongs to it. */
  show(picture, name, image) {
    this.picture = picture;
    this.centre = { x: 0.5, y: 0.5 };
    this.notice.hidden = true;
    this.canvas.hidden = false;
    this._draw();
    this.canvas.setAttribute("aria-label", name);
    this.image = image;
    this.element.dataset.image = image;
    this.painted = performance.now();
  }

  /** Show words where the picture would be; no press belongs to them. */
  say(...words) {
    this.picture = null;
    this.painted = null;
    this.image = null;
    delete this.element.dataset.image;
    this.canvas.hidden = true;
    this.notice.hidden = false;
    fill(this.notice, words);
  }

  /** Switch between the whole picture and its pixels. */
  toggleZoom() {
    this.zoomed = !this.zoomed;
    this.element.classList.toggle("wb-zoomed", this.zoomed);
    this._draw();
  }

  /** Move over a zoomed picture by a share of its size. */
  move(dx, dy) {
    this.centre.x = Math.min(1, Math.max(0, this.centre.x + dx));
    this.centre.y = Math.min(1, Math.max(0, this.centre.y + dy));
    this._draw();
  }

  /** Switch between the picture as it is and its grey values stretched over the whole range. */
  toggleContrast() {
    this.stretched = !this.stretched;
    this._draw();
  }

  _resize({ width, height }) {
    const density = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(width * density));
    this.canvas.height = Math.max(1, Math.round(height * density));
    this._draw();
  }

  _follow(event) {
    if (!this.zoomed || !this.picture) return;
    const box = this.element.getBoundingClientRect();
    this.centre = { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    this._draw();
  }

  _draw() {
    const { width, height } = this.canvas;
    this.context.clearRect(0, 0, width, height);
    if (!this.picture) return;
    this.canvas.style.filter = this.stretched ? stretch(this.picture.bitmap) : "";
    const { bitmap, fitted: copy } = this.picture;
    const whole = fitted(bitmap.width, bitmap.height, this.size);
    if (!this.zoomed && copy.width === whole.width && copy.height === whole.height) {
      const [left, top] = [(width - copy.width) / 2, (height - copy.height) / 2];
      this._paper(Math.round(left), Math.round(top), copy.width, copy.height);
      this.context.drawImage(copy, Math.round(left), Math.round(top)); // nothing is scaled on the way
      return;
    }
    const scale = this.zoomed ? Math.max(whole.scale * 2.5, this.picture.width / bitmap.width) : whole.scale;
    const drawn = { width: bitmap.width * scale, height: bitmap.height * scale };
    const left = (width - drawn.width) * (drawn.width > width ? this.centre.x : 0.5);
    const top = (height - drawn.height) * (drawn.height > height ? this.centre.y : 0.5);
    this.context.imageSmoothingEnabled = this.zoomed ? scale < SHARP_FROM : !whole.squares;
    this.context.imageSmoothingQuality = "high";
    const place = [left, top, drawn.width, drawn.height].map(Math.round);
    this._paper(...place);
    this.context.drawImage(bitmap, ...place);
  }

  /** Lay white under a picture: what is transparent looks in the dark, too, as a model sees it. */
  _paper(...place) {
    this.context.fillStyle = "#fff";
    this.context.fillRect(...place);
  }
}

/** A CSS filter that maps the 1st to 99th percentile of a picture's grey values onto black to white. */
function stretch(bitmap) {
  const small = new OffscreenCanvas(SAMPLE, SAMPLE).getContext("2d", { willReadFrequently: true });
  small.drawImage(bitmap, 0, 0, SAMPLE, SAMPLE);
  const { data } = small.getImageData(0, 0, SAMPLE, SAMPLE);
  const greys = new Float32Array(SAMPLE * SAMPLE);
  for (let place = 0; place < greys.length; place += 1) {
    greys[place] = (0.299 * data[4 * place] + 0.587 * data[4 * place + 1] + 0.114 * data[4 * place + 2]) / 255;
  }
  greys.sort();
  const low = greys[Math.floor(greys.length * 0.01)];
  const high = Math.max(greys[Math.ceil(greys.length * 0.99) - 1], low + 0.02);
  // brightness(b) then contrast(c) is b·c·x + (1 − c)/2; it has to be (x − low)/(high − low).
  const contrast = 1 + (2 * low) / (high - low);
  const brightness = 1 / ((high - low) * contrast);
  return `brightness(${brightness.toFixed(4)}) contrast(${contrast.toFixed(4)})`;
}
