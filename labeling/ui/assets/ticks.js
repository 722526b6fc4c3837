// Scales, the round numbers an axis is marked with, and numbers as words.

const MINUS = "\u2212";

/** A function from values in `domain` to pixels in `range`; on a logarithmic scale both ends of the domain are > 0. */
export function scale([low, high], [from, to], log = false) {
  const measure = log ? Math.log10 : (value) => value;
  const start = measure(low);
  const span = measure(high) - start || 1;
  return (value) => from + ((measure(value) - start) / span) * (to - from);
}

/** The round step (1, 2 or 5 times a power of ten) that cuts `span` into about `count` parts. */
function roundStep(span, count) {
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough * 0.999999);
  return factor * power;
}

/** Round values from `low` to `high`, about `count` of them: { values, step }. */
export function ticks(low, high, count) {
  if (!(high > low)) return { values: [low], step: Math.abs(low) || 1 };
  const step = roundStep(high - low, count);
  const values = [];
  for (let place = Math.ceil(low / step - 1e-9); place * step <= high + step * 1e-9; place++)
    values.push(place * step + 0); // + 0 makes an ordinary zero of a negative one
  return { values, step };
}

/** Values for a logarithmic axis: 1, 2 and 5 times powers of ten, or powers alone where those would be too many. */
export function logTicks(low, high, count) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; power++)
    for (const factor of [1, 2, 5]) all.push(factor * 10 ** power);
  const inside = all.filter((value) => value >= low * 0.999999 && value <= high * 1.000001);
  if (inside.length < 2) return ticks(low, high, count);
  const powers = inside.filter((value) => Math.abs(Math.log10(value) % 1) < 1e-9);
  const values = inside.length <= count * 1.5 || powers.length < 2 ? inside : thinned(powers, count);
  return { values, step: null };
}

function thinned(values, count) {
  const every = Math.ceil(values.length / Math.max(1, count));
  return values.filter((_, place) => place % every === 0);
}

/**
 * A number as people read it.
 * With `step`, the distance of an axis's marks, all numbers get the decimals that tell them apart; without it, four
 * significant figures. `percent` shows a share between 0 and 1 as a percentage.
 */
export function numberWords(value, { step = null, percent = false } = {}) {
  if (value == null || !Number.isFinite(value)) return "–";
  const shown = percent ? value * 100 : value;
  const unit = percent ? "\u00a0%" : "";
  const size = Math.abs(shown);
  if (size === 0) return `0${unit}`;
  const scientific = !percent && (size < 1e-3 || size >= 1e7);
  if (scientific) return shown.toExponential(step === null ? 2 : 1).replace(/\.?0*e\+?/, "e").replaceAll("-", MINUS);
  const decimals =
    step === null
      ? Math.max(0, Math.min(6, (percent ? 2 : 3) - Math.floor(Math.log10(size))))
      : Math.max(0, Math.min(8, -Math.floor(Math.log10(percent ? step * 100 : step) + 1e-9)));
  const options =
    step === null ? { maximumFractionDigits: decimals } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return shown.toLocaleString("en", options).replace("-", MINUS) + unit;
}
