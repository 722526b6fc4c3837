// A worker that decodes pictures and brings them to the size of the stage, so that the page only has to copy pixels.

import { fitted } from "./fitting.js";

const LONGEST_SIDE = 2560; // larger pictures are brought down to this; zoom shows them pixel by pixel up to here

function scaled(bitmap, { width, height, squares }) {
  const resizeQuality = squares ? "pixelated" : "high";
  return createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height, resizeQuality });
}

async function decode(blob, stage) {
  const whole = await createImageBitmap(blob);
  const { width, height } = whole;
  const large = Math.max(width, height) > LONGEST_SIDE;
  const limit = { width: LONGEST_SIDE, height: LONGEST_SIDE };
  const bitmap = large ? await scaled(whole, fitted(width, height, limit)) : whole;
  if (large) whole.close(); // a worker that makes hardly any garbage is hardly ever rid of it
  const copy = await scaled(bitmap, fitted(bitmap.width, bitmap.height, stage));
  return { bitmap, fitted: copy, width, height };
}

self.onmessage = async ({ data: { id, blob, stage } }) => {
  try {
    const picture = await decode(blob, stage);
    self.postMessage({ id, picture }, [picture.bitmap, picture.fitted]);
  } catch {
    self.postMessage({ id });
  }
};
