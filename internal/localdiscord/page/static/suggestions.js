// A list of suggestions under keyboard and mouse, for commands and for option values.
import { $, el } from "./dom.js";

export class Suggestions {
  constructor(input) {
    this.list = $("suggestions");
    this.input = input;
    this.items = [];
    this.at = 0;
  }

  get open() { return !this.list.hidden; }

  // show offers items {label, hint, pick}. The first is selected.
  show(items, input = this.input) {
    this.input = input;
    this.items = items;
    this.at = 0;
    this.list.hidden = items.length === 0;
    this.list.replaceChildren(...items.map((item, i) => el("li", {
      role: "option", id: `suggestion-${i}`,
      onmousedown: (e) => { e.preventDefault(); this.choose(i); },
    }, el("b", {}, item.label), el("span", {}, item.hint ?? ""))));
    this.mark();
  }

  hide() { this.show([]); }

  mark() {
    [...this.list.children].forEach((li, i) => li.setAttribute("aria-selected", String(i === this.at)));
    this.list.children[this.at]?.scrollIntoView({ block: "nearest" });
    if (this.open) this.input.setAttribute("aria-activedescendant", `suggestion-${this.at}`);
    else this.input.removeAttribute("aria-activedescendant");
  }

  choose(i = this.at) {
    const item = this.items[i];
    this.hide();
    item?.pick();
  }

  // key handles a key press; it reports whether the key was meant for the list.
  key(e) {
    if (!this.open) return false;
    const n = this.items.length;
    if (e.key === "ArrowDown") this.at = (this.at + 1) % n;
    else if (e.key === "ArrowUp") this.at = (this.at + n - 1) % n;
    else if (e.key === "Enter" || e.key === "Tab") { e.preventDefault(); this.choose(); return true; }
    else if (e.key === "Escape") { e.preventDefault(); this.hide(); return true; }
    else return false;
    e.preventDefault();
    this.mark();
    return true;
  }
}
