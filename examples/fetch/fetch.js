// The exported interface: fetches a page and makes readable text of it.
import { get } from "./http.js";
import { toText } from "./html.js";
import { decode } from "./utf8.js";

const MOST_REDIRECTS = 5;

export const fetch = {
  text(url) {
    const { at, body, type } = follow(url);
    if (!/html/i.test(type) && !/^\s*(<!doctype html|<html)/i.test(body)) return { url: at, title: null, text: body };
    return { url: at, ...toText(body, at) };
  },

  source(url) {
    return follow(url).body;
  },
};

// The answer after redirects. Each of them is a request of its own, which the host grants or refuses.
function follow(url) {
  let at = parse(url);
  for (let hops = 0; ; hops += 1) {
    const { status, fields, bytes } = get(at);
    const location = fields.location;
    if (status >= 300 && status < 400 && location) {
      if (hops === MOST_REDIRECTS) throw `more than ${MOST_REDIRECTS} redirects from ${url}`;
      at = resolve(location, at);
      continue;
    }
    if (status >= 400) throw `${href(at)} answered with status ${status}`;
    const type = fields["content-type"] ?? "";
    return { at: href(at), type, body: text(bytes, type, href(at)) };
  }
}

function text(bytes, type, url) {
  if (bytes.includes(0)) throw `${url} is no text (${type || "of no type"})`;
  const named = /charset=["']?([\w-]+)/i.exec(type)?.[1]?.toLowerCase() ?? "utf-8";
  const decoded = named === "utf-8" || named === "utf8" ? decode(bytes) : null;
  return decoded ?? Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

export function parse(url) {
  const match = /^(https?):\/\/([^\/?#\s]+)([^#\s]*)(?:#.*)?$/i.exec(url.trim());
  if (!match) throw `not a URL such as https://example.com/page: ${url}`;
  const path = match[3].startsWith("/") ? match[3] : `/${match[3]}`;
  return { scheme: match[1].toLowerCase(), authority: match[2], path: encodeURI(path).replace(/%25([0-9a-f]{2})/gi, "%$1") };
}

export function href({ scheme, authority, path }) {
  return `${scheme}://${authority}${path}`;
}

// A reference on a page, as a URL.
export function resolve(reference, base) {
  if (/^https?:\/\//i.test(reference)) return parse(reference);
  if (reference.startsWith("//")) return parse(`${base.scheme}:${reference}`);
  if (reference.startsWith("/")) return { ...base, path: parse(`${base.scheme}://x${reference}`).path };
  const folder = base.path.split("?")[0].replace(/[^/]*$/, "");
  const segments = [];
  const [way, query] = [reference.split("?")[0], reference.includes("?") ? reference.slice(reference.indexOf("?")) : ""];
  for (const segment of `${folder}${way}`.split("/").slice(1)) {
    if (segment === "..") segments.pop();
    else if (segment !== ".") segments.push(segment);
  }
  return parse(`${base.scheme}://${base.authority}/${segments.join("/")}${query}`);
}
