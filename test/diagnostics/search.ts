// Looks for texts in bytes: as they are, in hexadecimal, and in Base64 at all three places where they may begin.

/** Those of `texts` that are in `bytes` in some form; letters are not told apart by case where that is possible. */
export function findingsOf(bytes: Uint8Array, texts: readonly string[]): readonly string[] {
  const raw = Buffer.from(bytes).toString('latin1');
  const folded = raw.toLowerCase();
  return texts.filter((text) => {
    const plain = Buffer.from(text);
    const forms = [plain.toString('latin1').toLowerCase(), plain.toString('hex')];
    return (
      forms.some((form) => folded.includes(form)) || base64Forms(plain).some((form) => raw.includes(form))
    );
  });
}

/** Without the characters at both ends that depend on what stands beside it. */
function base64Forms(plain: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), plain]);
    const whole = padded.toString('base64').replace(/=+$/, '');
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor((padded.length * 8) / 6);
    const form = whole.slice(first, last);
    return form.length < 4 ? [] : [form, form.replaceAll('+', '-').replaceAll('/', '_')];
  });
}
