// Choosing a folder of this machine by looking into it.

import * as api from "./api.js";
import { openDialog } from "./dialog.js";
import { alertBox, fill, h } from "./dom.js";

/** Let somebody choose a folder, starting at one; resolves to its path, or null. */
export function browseFolders(host, title, start) {
  return new Promise((resolve) => {
    let chosen = null;
    let present = start;
    const where = h("code", { class: "op-where" });
    const list = h("div", { class: "wb-options" });
    const error = alertBox();
    const show = async (path) => {
      try {
        const { folder, around, folders } = await api.get(`api/opening/folders?path=${encodeURIComponent(path)}`);
        present = folder;
        where.textContent = folder;
        const below = (name) => (folder.endsWith("/") ? folder + name : `${folder}/${name}`);
        fill(
          list,
          around && h("button", { type: "button", onclick: () => show(around) }, "↑ The folder around it"),
          folders.map((name) => h("button", { type: "button", onclick: () => show(below(name)) }, `${name}/`)),
          !folders.length && h("p", {}, "No folder is in it."),
        );
        list.querySelector("button")?.focus();
      } catch (problem) {
        error.textContent = problem.message;
      }
    };
    const take = () => {
      chosen = present;
      dialog.close();
    };
    const content = h(
      "div",
      { class: "wb-form" },
      where,
      list,
      error,
      h("div", { class: "wb-row" }, h("button", { class: "wb-main", type: "button", onclick: take }, "Take this folder")),
    );
    const dialog = openDialog(host, title, content, { onclose: () => resolve(chosen) });
    show(start);
  });
}
