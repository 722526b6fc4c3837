// How far the work is: what the server last said, and each press since then at once.

/** Counts of images done and left, of images an hour, and of labels by class. */
export class Tally {
  /** Take over what GET /api/progress says. */
  set({ done, left, mine, classes }) {
    this.done = done;
    this.left = left;
    this.perHour = mine.per_hour && Math.round(mine.per_hour);
    this.classes = new Map(classes.map((entry) => [entry.class, entry.count]));
  }

  /** Count an act, or with a sign of -1 one that was undone, before the server has. */
  count(act, sign) {
    const counts = ["label", "reject", "grid"].includes(act.kind);
    const answers = counts ? act.items.filter((item) => item.request !== null).length : 0;
    this.done = Math.max(0, this.done + sign * answers);
    this.left = Math.max(0, this.left - sign * answers);
    const classes = act.kind === "grid" ? act.classes : act.kind === "label" ? [act.class] : [];
    for (const cls of classes) this.classes.set(cls, Math.max(0, (this.classes.get(cls) ?? 0) + sign));
  }
}
