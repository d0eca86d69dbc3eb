// HTML to text. It reads what browsers read, tags that are never closed included, and executes nothing.
import { href, parse, resolve } from "./fetch.js";

const SILENT = new Set(["script", "style", "noscript", "template", "svg", "math", "head", "nav", "iframe", "object", "select", "button"]);
const BLOCKS = new Set(
  "address article aside blockquote body dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html li main ol p pre section table tbody thead tr ul".split(" "),
);
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", ndash: "–", mdash: "—", hellip: "…", copy: "©", laquo: "«", raquo: "»", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", bull: "•", middot: "·", euro: "€", deg: "°", times: "×", auml: "ä", ouml: "ö", uuml: "ü", Auml: "Ä", Ouml: "Ö", Uuml: "Ü", szlig: "ß", eacute: "é", egrave: "è", agrave: "à", ccedil: "ç" };
const TOKEN = /<!--[\s\S]*?(?:-->|$)|<![^>]*>|<\?[^>]*>|<\/?([a-zA-Z][a-zA-Z0-9:-]*)((?:"[^"]*"|'[^']*'|[^'">])*)>/g;

export function toText(html, url) {
  const page = new Page(parse(url));
  let at = 0;
  TOKEN.lastIndex = 0;
  for (let token = TOKEN.exec(html); token; token = TOKEN.exec(html)) {
    page.words(html.slice(at, token.index));
    at = TOKEN.lastIndex;
    if (!token[1]) continue;
    const name = token[1].toLowerCase();
    if (token[0][1] === "/") page.close(name);
    else if (name === "script" || name === "style" || name === "title") {
      // What stands in these is no markup.
      const end = html.slice(at).search(new RegExp(`</${name}[\\s>]`, "i"));
      const inside = end < 0 ? html.slice(at) : html.slice(at, at + end);
      if (name === "title" && page.title === null) page.title = decoded(inside).replace(/\s+/g, " ").trim() || null;
      at += inside.length;
      TOKEN.lastIndex = at;
      page.skip(name);
    } else page.open(name, token[2]);
  }
  page.words(html.slice(at));
  return { title: page.title, text: page.text() };
}

class Page {
  constructor(base) {
    this.base = base;
    this.title = null;
    this.lines = [];
    this.line = "";
    this.silent = [];
    this.links = [];
    this.skipped = null;
  }

  // The end tag of `name` that follows says nothing.
  skip(name) {
    this.skipped = name;
  }

  words(raw) {
    if (this.silent.length || raw === "") return;
    this.line += decoded(raw).replace(/\s+/g, " ");
  }

  open(name, attributes) {
    // A body ends a head that was left open.
    if (name === "body") this.silent = [];
    if (this.silent.length || SILENT.has(name)) {
      if (SILENT.has(name) && !attributes.endsWith("/")) this.silent.push(name);
      return;
    }
    if (BLOCKS.has(name)) this.end(name !== "li" && name !== "tr" && name !== "dd");
    if (/^h[1-6]$/.test(name)) this.line = `${"#".repeat(Number(name[1]))} `;
    else if (name === "li") this.line = "- ";
    else if (name === "br") this.end(false);
    else if (name === "td" || name === "th") this.line += this.line.trim() ? " | " : "";
    else if (name === "a") this.links.push(this.target(attributes), this.line.length);
    else if (name === "img") this.line += attribute(attributes, "alt") ?? "";
  }

  close(name) {
    if (this.skipped === name) {
      this.skipped = null;
      return;
    }
    if (this.silent.length) {
      const at = this.silent.lastIndexOf(name);
      if (at >= 0) this.silent.length = at;
      return;
    }
    if (name === "a" && this.links.length) {
      const [target, start] = this.links.splice(-2);
      if (target && this.line.slice(start).trim()) this.line = `${this.line.trimEnd()} (${target})`;
    } else if (BLOCKS.has(name)) this.end(name !== "li" && name !== "tr" && name !== "dd");
  }

  target(attributes) {
    const reference = attribute(attributes, "href");
    if (!reference || /^(#|javascript:|mailto:|data:|tel:)/i.test(reference)) return null;
    try {
      return href(resolve(reference.trim(), this.base));
    } catch {
      return null;
    }
  }

  // The line is over, and with `apart` so is its paragraph.
  end(apart) {
    const line = this.line.trim();
    if (line && !/^(#+|-)$/.test(line)) this.lines.push(line);
    if (apart && this.lines.length && this.lines.at(-1) !== "") this.lines.push("");
    this.line = "";
    this.links = [];
  }

  text() {
    this.end(false);
    return this.lines.join("\n").trim();
  }
}

function attribute(attributes, name) {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*("([^"]*)"|'([^']*)'|([^\\s"'>]+))`, "i").exec(attributes);
  return match ? decoded(match[2] ?? match[3] ?? match[4]) : null;
}

function decoded(text) {
  return text.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = decimal ? Number(decimal) : parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}
