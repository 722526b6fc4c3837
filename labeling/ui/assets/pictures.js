// Pictures in memory before they are asked for: fetched, decoded, ready to be drawn within one frame.

const MEMORY = 256 * 2 ** 20; // bytes of decoded pixels kept ahead beyond the least number
const AT_ONCE = 4; // a browser sends six at a time to one server; some are left for labels and leases

/** Decodes pictures in a worker. */
class Decoder {
  constructor() {
    this.waiting = new Map();
    this.last = 0;
    this.worker = null;
  }

  _begin() {
    this.worker = new Worker(new URL("decoder.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data: { id, picture } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (picture) resolve(picture);
      else reject(new Error("The file is no picture that can be shown; it may be damaged."));
    };
    this.worker.onerror = () => this._lost();
  }

  /** The worker could not be fetched, or died: what waits is asked for again as if the network had been cut. */
  _lost() {
    this.worker.terminate();
    this.worker = null;
    const error = Object.assign(new Error("The part of this page that decodes pictures has ended."), { offline: true });
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** Resolve to { bitmap, fitted, width, height }: the pixels, the same at the size of the stage, the file's size. */
  decode(blob, stage) {
    return new Promise((resolve, reject) => {
      this.last += 1;
      this.waiting.set(this.last, { resolve, reject });
      if (this.worker === null) this._begin();
      this.worker.postMessage({ id: this.last, blob, stage });
    });
  }
}

/** How much memory a decoded picture takes. */
function bytes({ bitmap, fitted }) {
  return 4 * (bitmap.width * bitmap.height + fitted.width * fitted.height);
}

function discard({ bitmap, fitted }) {
  bitmap?.close();
  fitted?.close();
}

/** Keeps the pictures of the next items decoded. */
export class Pictures {
  /**
   * @param {(item) => Promise<Blob>} fetchBlob rejects with an error whose `message` can be shown
   * @param {() => {width: number, height: number}} stageSize where pictures will be drawn, in pixels of the screen
   * @param {(item) => void} changed called when an item's picture is ready or has failed
   */
  constructor(fetchBlob, stageSize, changed) {
    this.fetchBlob = fetchBlob;
    this.stageSize = stageSize;
    this.changed = changed;
    this.decoder = new Decoder();
    this.entries = new Map();
    this.wanted = [];
    this.running = 0;
  }

  /**
   * Say which items come next, in order; at least `least` of them are decoded, more while memory allows.
   * Pictures of items no longer wanted are let go.
   */
  want(items, least = 10) {
    const wanted = new Set(items.map((item) => item.image));
    for (const [image, entry] of this.entries) {
      if (wanted.has(image)) continue;
      discard(entry);
      this.entries.delete(image);
    }
    this.wanted = items;
    this.least = least;
    this._pump();
  }

  /** The decoded picture of an item: { bitmap, fitted, width, height }, { error }, or undefined while it is on its way. */
  get(item) {
    const entry = this.entries.get(item.image);
    return entry?.loading ? undefined : entry;
  }

  /** Try a failed picture again. */
  retry(item) {
    if (this.entries.get(item.image)?.error) this.entries.delete(item.image);
    this._pump();
  }

  _pump() {
    let used = 0;
    for (const [place, item] of this.wanted.entries()) {
      if (this.running >= AT_ONCE) return;
      const entry = this.entries.get(item.image);
      if (entry?.bitmap) used += bytes(entry);
      if (place >= this.least && used > MEMORY) return;
      if (!entry) this._load(item);
    }
  }

  async _load(item) {
    const entry = { loading: true };
    this.entries.set(item.image, entry);
    this.running += 1;
    let result;
    try {
      result = await this.decoder.decode(await this.fetchBlob(item), this.stageSize());
    } catch (error) {
      result = { error };
    }
    this.running -= 1;
    if (this.entries.get(item.image) === entry) {
      this.entries.set(item.image, result);
      this.changed(item);
    } else {
      discard(result);
    }
    this._pump();
  }
}
