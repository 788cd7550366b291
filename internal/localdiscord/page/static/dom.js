// el makes an element: el("a", {href: "x", class: "y", onclick: f}, "text", child, …). Text is never parsed as HTML.
export function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key === "class") e.className = value;
    else if (key in e && typeof value !== "string") e[key] = value;
    else e.setAttribute(key, value === true ? "" : value);
  }
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false && c !== ""));
  return e;
}

export const $ = (id) => document.getElementById(id);

const shapes = {
  plus: "M12 5v14M5 12h14",
  mic: "M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11v1a6 6 0 0 0 12 0v-1M12 18v3",
  stop: "M7 7h10v10H7z",
  send: "M4 12l16-8-5 16-3-7z",
  speaker: "M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6",
  stage: "M12 11a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 20v-3a4 4 0 0 1 8 0v3M6.5 13a7 7 0 1 1 11 0",
  good: "M7 11v9H4v-9zM7 11l4-7c2 0 2 2 2 3l-1 3h6a2 2 0 0 1 2 2l-2 6a2 2 0 0 1-2 2H7",
  bad: "M7 13V4H4v9zM7 13l4 7c2 0 2-2 2-3l-1-3h6a2 2 0 0 0 2-2l-2-6a2 2 0 0 0-2-2H7",
  reply: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
};

// icon draws one of the page's own signs; emoji would depend on the fonts of the machine.
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [k, v] of Object.entries({ viewBox: "0 0 24 24", width: 18, height: 18, fill: "none", stroke: "currentColor", "stroke-width": 2,
    "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: "icon" })) svg.setAttribute(k, v);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", shapes[name]);
  svg.append(path);
  return svg;
}
