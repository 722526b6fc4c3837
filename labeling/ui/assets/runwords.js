// How the pages speak of runs.

const STAGES = {
  pretrain: "Pretrain",
  "train-classifier": "Train the classifier",
  fixmatch: "FixMatch",
  embed: "Embed",
  round: "Round",
};

export const STATES = { running: "Running", done: "Done", stopped: "Stopped", failed: "Failed", dead: "Died" };

const FIGURES = {
  accuracy: "accuracy",
  balanced_accuracy: "balanced accuracy",
  knn_accuracy: "kNN accuracy",
};

/** The name of a stage for people. */
export function stageWords(stage) {
  return STAGES[stage] ?? stage;
}

/** The accuracies of a run as [name, words] pairs, the interval behind them where there is one. */
export function accuracies(figures) {
  return Object.entries(FIGURES)
    .filter(([name]) => Number.isFinite(figures[name]))
    .map(([name, words]) => {
      const [low, high] = [figures[`${name}_low`], figures[`${name}_high`]];
      const interval = Number.isFinite(low) ? ` (${share(low)} to ${share(high)})` : "";
      return [words, `${share(figures[name])} %${interval}`];
    });
}

/** The one figure that a line of a table has room for, named where it is not what a classifier gets right. */
export function bestFigure(figures) {
  const [name, words] = accuracies(figures)[0] ?? [];
  return name === undefined || name === FIGURES.accuracy ? (words ?? "") : `${words} ${name}`;
}

function share(value) {
  return (100 * value).toFixed(1);
}
