// UTF-8, which this engine has no TextDecoder for.

// The text, or null when the bytes are not UTF-8.
export function decode(bytes) {
  const parts = [];
  // Characters are put together a stretch at a time: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; ) {
    const codes = [];
    while (at < bytes.length && codes.length < 4096) {
      const [code, size] = decodeOne(bytes, at);
      if (code === null) return null;
      codes.push(code);
      at += size;
    }
    parts.push(String.fromCodePoint(...codes));
  }
  return parts.join("");
}

function decodeOne(bytes, at) {
  const lead = bytes[at];
  if (lead < 0x80) return [lead, 1];
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  let code = lead & (0x7f >> size);
  for (let next = 1; next < size; next += 1) {
    const byte = bytes[at + next];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return [null, 1];
    code = (code << 6) | (byte & 0x3f);
  }
  const least = [0x80, 0x800, 0x10000][size - 2];
  const valid = lead >= 0xc2 && lead < 0xf5 && code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return [valid ? code : null, size];
}
