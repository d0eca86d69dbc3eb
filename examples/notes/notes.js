// The exported interface: lists, reads, searches and writes text files.
import { LARGEST, entries, folderNames, join, openFolder, openToRead, openToWrite, readAll, stat, writeAll } from "./files.js";
import { decode, encode } from "./utf8.js";

const MOST_HITS = 200;
const DEEPEST = 20;

export const notes = {
  folders: folderNames,

  list(folder) {
    const path = plain(folder);
    return entries(openFolder(path), path).map(([name, type]) => describe(join(path, name), name, type));
  },

  read(path) {
    const bytes = readAll(openToRead(plain(path)), path);
    if (bytes === null) throw `cannot use ${path}: it is larger than ${LARGEST} bytes`;
    const text = decode(bytes);
    if (text === null) throw `cannot use ${path}: it is not text in UTF-8`;
    return text;
  },

  search(folder, text) {
    if (text === "") throw "cannot search for an empty text";
    const hits = [];
    searchBelow(plain(folder), text.toLowerCase(), hits, 0);
    return hits;
  },

  write(path, text) {
    const file = openToWrite(plain(path), { truncate: true });
    writeAll(file, path, encode(text), 0);
  },

  append(path, text) {
    const file = openToWrite(plain(path), { truncate: false });
    const size = Number(stat(file, path).size);
    const last = size === 0 ? [10] : openToRead(plain(path)).read(1, size - 1)[0];
    writeAll(file, path, encode((last[0] === 10 ? "" : "\n") + text), size);
  },
};

function describe(path, name, type) {
  if (type === "directory") return { name, size: 0, isFolder: true, modified: null };
  if (type !== "regular-file") return { name, size: 0, isFolder: false, modified: null };
  const { size, dataModificationTimestamp: modified } = stat(openToRead(path), path);
  const written = modified ? new Date(Number(modified.seconds) * 1000).toISOString().replace(".000Z", "Z") : null;
  return { name, size: Number(size), isFolder: false, modified: written };
}

function searchBelow(path, wanted, hits, depth) {
  for (const [name, type] of entries(openFolder(path), path)) {
    if (hits.length >= MOST_HITS) return;
    const inner = join(path, name);
    if (type === "directory" && depth < DEEPEST) searchBelow(inner, wanted, hits, depth + 1);
    if (type === "regular-file") searchFile(inner, wanted, hits);
  }
}

function searchFile(path, wanted, hits) {
  const bytes = readAll(openToRead(path), path);
  const text = bytes === null ? null : decode(bytes);
  (text ?? "").split("\n").forEach((line, index) => {
    if (hits.length < MOST_HITS && line.toLowerCase().includes(wanted)) hits.push({ path, line: index + 1, text: line.slice(0, 500) });
  });
}

// The path without dot segments and doubled slashes: what is compared with the granted folders is what is opened.
function plain(path) {
  if (!path.startsWith("/")) throw `cannot use ${path}: give an absolute path`;
  const parts = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
