// What the model learns while one labels: newer guesses of the images on hand, and the rest of the queue in its new order.

import * as api from "./api.js";

const KEEP = 12; // images that stay as they are: what the filmstrip shows, and what is fetched next
const AT_ONCE = 100; // images one question names

/** Follows the probe: `heard(event)` with every answer of the server that says up to where the guesses know the labels. */
export class Learning {
  constructor({ session, fitted, changed }) {
    Object.assign(this, { session, fitted, changed });
  }

  /** Hear up to which label event the guesses know the labels; asks for them where they know more than before. */
  heard(fitted) {
    if (fitted == null || fitted === this.fitted) return;
    this.fitted = fitted;
    this.refresh().catch(() => {}); // they come with the next fit, or with the next images
  }

  /** Take up the newest guesses, then exchange the images far back in the queue for those that now come first. */
  async refresh() {
    const items = new Map([...this.session.queue, ...this.session.extra].map((item) => [item.image, item]));
    const asked = [...items.keys()].slice(0, AT_ONCE);
    if (asked.length === 0) return;
    const { images } = await api.get(`api/guesses?${asked.map((image) => `image=${image}`).join("&")}`);
    for (const { image, guesses } of images) items.get(image).guesses = guesses;
    this.changed();
    await this.session.exchange(KEEP);
  }
}
