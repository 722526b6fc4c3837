// A worker that decodes pictures and brings them to the size of the stage, so that the page only has to copy pixels.

const LONGEST_SIDE = 2560; // larger pictures are brought down to this; zoom shows them pixel by pixel up to here

/** The size of a picture scaled into a box without changing its shape. */
function within(width, height, box) {
  const scale = Math.min(box.width / width, box.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function scaled(bitmap, size) {
  return createImageBitmap(bitmap, { resizeWidth: size.width, resizeHeight: size.height, resizeQuality: "high" });
}

async function decode(blob, stage) {
  const whole = await createImageBitmap(blob);
  const { width, height } = whole;
  const large = Math.max(width, height) > LONGEST_SIDE;
  const limit = { width: LONGEST_SIDE, height: LONGEST_SIDE };
  const bitmap = large ? await scaled(whole, within(width, height, limit)) : whole;
  if (large) whole.close(); // a worker that makes hardly any garbage is hardly ever rid of it
  const fitted = await scaled(bitmap, within(width, height, stage));
  return { bitmap, fitted, width, height };
}

self.onmessage = async ({ data: { id, blob, stage } }) => {
  try {
    const picture = await decode(blob, stage);
    self.postMessage({ id, picture }, [picture.bitmap, picture.fitted]);
  } catch {
    self.postMessage({ id });
  }
};
