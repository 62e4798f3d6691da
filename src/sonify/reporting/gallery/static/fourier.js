"use strict";
(function (Gallery) {
  /** @type {Map<number, ReturnType<typeof prepared>>} */
  const sizes = new Map();

  /** @param {number} size a power of two */
  function prepared(size) {
    const half = size / 2;
    const cos = Float64Array.from({ length: half }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    const sin = Float64Array.from({ length: half }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    const reversed = Uint32Array.from({ length: size }, function (_, i) {
      let out = 0;
      for (let bit = 1; bit < size; bit <<= 1) out = (out << 1) | (i & bit ? 1 : 0);
      return out;
    });
    return { cos, sin, reversed };
  }

  // A radix-2 transform of `size` values: `reversed` is the order in which they are put into re and
  // im, which `run` transforms in place.
  Gallery.fourier = function (size) {
    const { cos, sin, reversed } = sizes.get(size) || prepared(size);
    sizes.set(size, { cos, sin, reversed });
    return {
      reversed,
      run(re, im) {
        for (let half = 1; half < size; half *= 2) {
          const stride = size / 2 / half;
          for (let start = 0; start < size; start += 2 * half) {
            for (let k = 0; k < half; k++) {
              const i = start + k, j = i + half, c = cos[k * stride], s = sin[k * stride];
              const a = re[j] * c + im[j] * s, b = im[j] * c - re[j] * s;
              re[j] = re[i] - a;
              im[j] = im[i] - b;
              re[i] += a;
              im[i] += b;
            }
          }
        }
      },
    };
  };
})(window.Gallery);
