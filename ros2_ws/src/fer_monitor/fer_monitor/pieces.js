// The pieces of an answer that does not end, each after its length in four bytes.
export async function* pieces(body) {
  let got = new Uint8Array();
  for (const reader = body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const more = new Uint8Array(got.length + value.length);
    more.set(got);
    more.set(value, got.length);
    for (got = more; got.length >= 4; ) {
      const end = 4 + new DataView(got.buffer, got.byteOffset).getUint32(0);
      if (got.length < end) break;
      yield got.slice(4, end);
      got = got.subarray(end);
    }
  }
}
