// Paths to open files: which granted folder a path is in, and what went wrong in words.
import preopens from "wasi:filesystem/preopens@0.2.3";

const CHUNK = 65536;
export const LARGEST = 1048576;

const READ = { read: true, write: false, fileIntegritySync: false, dataIntegritySync: false, requestedWriteSync: false, mutateDirectory: false };
const FOLDER = { create: false, directory: true, exclusive: false, truncate: false };
const FILE = { ...FOLDER, directory: false };

export function folderNames() {
  return preopens.getDirectories().map(([, name]) => name);
}

export function openFolder(path) {
  return attempt(path, () => open(path, FOLDER, READ));
}

export function openToRead(path) {
  return attempt(path, () => open(path, FILE, READ));
}

export function openToWrite(path, { truncate }) {
  return attempt(path, () => open(path, { ...FILE, create: true, truncate }, { ...READ, write: true }));
}

// [name, type] of what is in a folder, sorted by name.
export function entries(folder, path) {
  return attempt(path, () => {
    const stream = folder.readDirectory();
    const found = [];
    for (let entry = stream.readDirectoryEntry(); entry; entry = stream.readDirectoryEntry()) found.push([entry.name, entry.type]);
    return found.sort(([a], [b]) => (a < b ? -1 : 1));
  });
}

export function stat(file, path) {
  return attempt(path, () => file.stat());
}

// The bytes of a file, or null when there are more than LARGEST.
export function readAll(file, path) {
  return attempt(path, () => {
    const bytes = new Uint8Array(LARGEST);
    for (let size = 0; ; ) {
      const [chunk, last] = file.read(CHUNK, size);
      if (size + chunk.length > LARGEST) return null;
      bytes.set(chunk, size);
      size += chunk.length;
      if (last || chunk.length === 0) return bytes.subarray(0, size);
    }
  });
}

export function writeAll(file, path, bytes, offset) {
  attempt(path, () => {
    for (let at = 0; at < bytes.length; ) at += Number(file.write(bytes.slice(at, at + CHUNK), offset + at));
  });
}

export function join(folder, name) {
  return folder === "/" ? `/${name}` : `${folder}/${name}`;
}

function open(path, openFlags, flags) {
  const inside = (name) => path === name || path.startsWith(name.endsWith("/") ? name : `${name}/`);
  const granted = preopens.getDirectories().filter(([, name]) => inside(name));
  if (granted.length === 0) throw `cannot reach ${path}: it is in no folder that was granted`;
  // The longest name is the nearest folder. A grant inside another adds to it: what the nearest refuses, the outer one may allow.
  granted.sort(([, a], [, b]) => b.length - a.length);
  let refused;
  for (const [folder, name] of granted) {
    try {
      return folder.openAt({ symlinkFollow: true }, path.slice(name.length).replace(/^\/+/, "") || ".", openFlags, flags);
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused;
}

const WORDS = {
  "no-entry": "there is no such file or folder",
  "is-directory": "it is a folder",
  "bad-descriptor": "it is a folder",
  "not-directory": "it is not a folder",
  "read-only": "it may only be read",
  "not-permitted": "it may not be used that way",
  access: "it may not be used that way",
  "insufficient-space": "there is no space left",
};

function attempt(path, action) {
  try {
    return action();
  } catch (error) {
    if (typeof error === "string") throw error;
    throw `cannot use ${path}: ${WORDS[error.payload] ?? error.payload ?? error.message}`;
  }
}
