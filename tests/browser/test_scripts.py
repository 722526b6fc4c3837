"""Scripts of the pages by themselves: what is kept in the browser, in which order, and what is let go of."""

from typing import Any

from tests.browser.bench import Tab

OUTBOX = """async (steps) => {
  const { Outbox } = await import("/workbench/outbox.js");
  const outbox = () => new Outbox("scripts:1", () => new Promise(() => {})); // never answered
  const keys = () => Object.keys(localStorage).filter((key) => key.startsWith("barlowmatch:outbox:scripts:"));
  try {
    return await eval(steps)(outbox);
  } finally {
    for (const key of [...keys(), "filling"]) localStorage.removeItem(key);
  }
}"""


def _with_outbox(tab: Tab, steps: str) -> Any:
    tab.open().ready()
    return tab.page.evaluate(OUTBOX, steps)


def test_what_waits_stays_in_its_order_where_the_clock_is_set_back(tab: Tab) -> None:
    steps = """(outbox) => {
      outbox().add({ uuid: "label" });
      Date.now = () => 1000;
      outbox().add({ uuid: "undo" });
      return outbox().waiting().map(({ uuid }) => uuid);
    }"""
    assert _with_outbox(tab, steps) == ["label", "undo"]


def test_what_found_no_room_is_said_to_be_in_memory_alone_until_it_is_sent(tab: Tab) -> None:
    steps = """(outbox) => {
      const own = outbox();
      let size = 2 ** 23;
      let full = "";
      for (; size >= 1; size /= 2) {
        try {
          localStorage.setItem("filling", full + "x".repeat(size));
          full += "x".repeat(size);
        } catch {}
      }
      own.add({ uuid: "first" });
      const first = own.volatile;
      localStorage.removeItem("filling");
      own.add({ uuid: "second" });
      return [first, own.volatile, outbox().waiting().length];
    }"""
    assert _with_outbox(tab, steps) == [True, True, 1]


def test_a_large_picture_is_let_go_of_once_it_is_brought_down(tab: Tab) -> None:
    tab.open().ready()
    closed = tab.page.evaluate(
        """async () => {
          const script = `
            const closed = [];
            const close = ImageBitmap.prototype.close;
            ImageBitmap.prototype.close = function () { closed.push(this.width); close.call(this); };
            await import("${location.origin}/workbench/decoder.js");
            const decode = self.onmessage;
            self.onmessage = async (event) => { await decode(event); self.postMessage({ closed }); };
            self.postMessage("ready");`;
          const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
          const worker = new Worker(address, { type: "module" });
          const hear = () => new Promise((resolve) => (worker.onmessage = ({ data }) => resolve(data)));
          await hear();
          const canvas = new OffscreenCanvas(3000, 20);
          canvas.getContext("2d").fillRect(0, 0, 9, 9);
          worker.postMessage({ id: 1, blob: await canvas.convertToBlob(), stage: { width: 600, height: 400 } });
          let said = await hear();
          while (!said.closed) said = await hear();
          worker.terminate();
          return said.closed;
        }"""
    )
    assert closed == [3000]
