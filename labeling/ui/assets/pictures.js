// Pictures in memory before they are asked for: fetched, decoded, ready to be drawn within one frame.

const LONGEST_SIDE = 2560; // larger pictures are brought down to this; zoom shows them pixel by pixel up to here
const MEMORY = 192 * 2 ** 20; // bytes of decoded pixels kept ahead beyond the least number
const AT_ONCE = 4; // a browser sends six at a time to one server; some are left for labels and leases

/** A decoded picture: `bitmap` to draw, and the size the file has. */
async function decode(blob) {
  const whole = await createImageBitmap(blob);
  const { width, height } = whole;
  const scale = LONGEST_SIDE / Math.max(width, height);
  if (scale >= 1) return { bitmap: whole, width, height };
  const bitmap = await createImageBitmap(whole, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: "high",
  });
  whole.close();
  return { bitmap, width, height };
}

/** Keeps the pictures of the next items decoded. */
export class Pictures {
  /**
   * @param {(item) => Promise<Blob>} fetchBlob rejects with an error whose `message` can be shown
   * @param {(item) => void} changed called when an item's picture is ready or has failed
   */
  constructor(fetchBlob, changed) {
    this.fetchBlob = fetchBlob;
    this.changed = changed;
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
      entry.bitmap?.close();
      this.entries.delete(image);
    }
    this.wanted = items;
    this.least = least;
    this._pump();
  }

  /** The decoded picture of an item: { bitmap, width, height }, { error }, or undefined while it is on its way. */
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
    let bytes = 0;
    for (const [place, item] of this.wanted.entries()) {
      if (this.running >= AT_ONCE) return;
      const entry = this.entries.get(item.image);
      if (entry?.bitmap) bytes += entry.bitmap.width * entry.bitmap.height * 4;
      if (place >= this.least && bytes > MEMORY) return;
      if (!entry) this._load(item);
    }
  }

  async _load(item) {
    const entry = { loading: true };
    this.entries.set(item.image, entry);
    this.running += 1;
    let result;
    try {
      result = await decode(await this.fetchBlob(item));
    } catch (error) {
      result = { error };
    }
    this.running -= 1;
    if (this.entries.get(item.image) === entry) {
      this.entries.set(item.image, result);
      this.changed(item);
    } else {
      result.bitmap?.close();
    }
    this._pump();
  }
}
