// How large a picture is drawn: as large as fits, but a small one by whole steps of its pixels, so that nothing blurs.

const STEPS_FROM = 4; // a picture that would be drawn this many times its size is drawn in squares
const LONGEST = 384; // as long as such a picture may become, in CSS pixels: larger squares are no picture any more

/** The scale, the size it leads to and whether pixels are squares; `box` is {width, height, density} in screen pixels. */
export function fitted(width, height, { width: wide, height: high, density = 1 }) {
  const fit = Math.min(wide / width, high / height);
  const squares = fit >= STEPS_FROM;
  const most = (LONGEST * density) / Math.max(width, height);
  const scale = squares ? Math.floor(Math.min(fit, Math.max(STEPS_FROM, most))) : fit;
  return { squares, scale, width: at(width, scale), height: at(height, scale) };
}

function at(length, scale) {
  return Math.max(1, Math.round(length * scale));
}
