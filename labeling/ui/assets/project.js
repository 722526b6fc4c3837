// The Project page: what comes next, the images and what is wrong with them, the classes, labels from elsewhere.

import * as api from "./api.js";
import { ClassTable } from "./classtable.js";
import { DatasetReport } from "./report.js";
import { fill, h } from "./dom.js";
import { FirstHour } from "./firsthour.js";
import { Importer } from "./importer.js";
import { pageHead, whoAmI } from "./page.js";
import { Questions } from "./questions.js";

/** Build the page inside `host` and start it. */
export async function mount(host) {
  await whoAmI(host);
  const page = new ProjectPage(host);
  await page.start();
}

class ProjectPage {
  constructor(host) {
    this.host = host;
    this.next = new FirstHour({ changed: () => this.askStart() });
    this.questions = new Questions({ changed: (start) => this.showStart(start) });
    this.classes = new ClassTable(host);
    this.importer = new Importer({ stored: () => this.afterImport() });
    this.report = new DatasetReport({ read: () => this.askStart() });
  }

  async start() {
    const [progress] = await Promise.all([
      api.get("api/progress"),
      this.askStart(),
      this.next.followRuns(),
      this.classes.refresh(),
      this.importer.refresh(),
      this.report.refresh(),
    ]);
    const head = pageHead(progress.project);
    const columns = h(
      "div",
      { class: "pj-columns" },
      h("div", {}, this.classes.element, this.importer.element),
      this.report.element,
    );
    fill(this.host, h("div", { class: "pj-page" }, h("div", {}, head, this.next.element, this.questions.element, columns)));
  }

  async askStart() {
    this.showStart(await api.get("api/start"));
  }

  showStart(start) {
    this.next.show(start);
    this.questions.show(start);
  }

  async afterImport() {
    await Promise.all([this.classes.refresh(), this.askStart()]);
  }
}
