// One GET request through wasi:http; this engine has no fetch of its own.
import { Fields, OutgoingRequest } from "wasi:http/types@0.2.3";
import handler from "wasi:http/outgoing-handler@0.2.3";

const LARGEST = 1048576;
const HEADERS = { accept: "text/html, text/*;q=0.9, application/json;q=0.9, */*;q=0.1", "user-agent": "wassette-example-fetch/1" };

export function get({ scheme, authority, path }) {
  const request = new OutgoingRequest(made(HEADERS));
  request.setScheme({ tag: scheme.toUpperCase() });
  request.setAuthority(authority);
  request.setPathWithQuery(path);
  const url = `${scheme}://${authority}`;
  return attempt(url, () => {
    const future = handler.handle(request, null);
    using(future.subscribe(), (pollable) => pollable.block());
    return using(unwrapped(unwrapped(future.get())), (response) => answer(response, url));
  });
}

function answer(response, url) {
  const fields = using(response.headers(), (headers) => ({
    "content-type": headers.get("content-type").map(ascii)[0] ?? null,
    location: headers.get("location").map(ascii)[0] ?? null,
  }));
  const bytes = using(response.consume(), (body) => using(body.stream(), (stream) => read(stream, url)));
  return { status: response.status(), fields, bytes };
}

// A resource is dropped after what came out of it; left to the collector it might go first, which is a trap.
function using(resource, action) {
  try {
    return action(resource);
  } finally {
    resource[Symbol.dispose]();
  }
}

function made(headers) {
  const fields = new Fields();
  for (const [name, value] of Object.entries(headers)) {
    fields.append(name, Uint8Array.from(value, (character) => character.charCodeAt(0)));
  }
  return fields;
}

function ascii(bytes) {
  return String.fromCharCode(...bytes);
}

// A result as it comes inside an option: an object with a tag.
function unwrapped(result) {
  if (result?.tag === "err") throw result.val;
  return result?.tag === "ok" ? result.val : result;
}

function read(stream, url) {
  const parts = [];
  let size = 0;
  for (;;) {
    let chunk;
    try {
      chunk = stream.blockingRead(65536);
    } catch (error) {
      if (reason(error) === "closed") break;
      throw error;
    }
    size += chunk.length;
    if (size > LARGEST) throw `${url} sends more than ${LARGEST} bytes`;
    parts.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function attempt(url, action) {
  try {
    return action();
  } catch (error) {
    throw typeof error === "string" ? error : `cannot fetch ${url}: ${reason(error)}`;
  }
}

function reason(error) {
  const value = error?.payload ?? error;
  return String(value?.tag ?? value?.message ?? value);
}
