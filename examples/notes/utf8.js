// UTF-8, which this engine has no TextDecoder for.

// The text, or null when the bytes are not UTF-8 (or hold a NUL, as text does not).
export function decode(bytes) {
  const parts = [];
  // Characters are put together a stretch at a time: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; ) {
    const codes = [];
    while (at < bytes.length && codes.length < 4096) {
      const [code, size] = decodeOne(bytes, at);
      if (code === null || code === 0) return null;
      codes.push(code);
      at += size;
    }
    parts.push(String.fromCodePoint(...codes));
  }
  return parts.join("");
}

export function encode(text) {
  const bytes = [];
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0);
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size === 1) bytes.push(code);
    else {
      bytes.push(((0xf00 >> size) & 0xff) | (code >> (6 * (size - 1))));
      for (let left = size - 2; left >= 0; left -= 1) bytes.push(0x80 | ((code >> (6 * left)) & 0x3f));
    }
  }
  return new Uint8Array(bytes);
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
