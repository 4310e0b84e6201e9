// x86-64 with AVX-512 and VNNI: Intel since 2019 (servers) and 2021, AMD since 2022.
#include <immintrin.h>

#include "kernels.hpp"
#include "paths.hpp"

namespace ec_rfernet {
namespace {

struct Simd {
  using Words = Vectors<16>::Words;
  using Floats = Vectors<16>::Floats;
  static constexpr int kLanes = 16, kVectors = 3, kFloats = 8, kBytes = 8, kStrip = 12,
                       kSourceBias = 0;

  static EC_INLINE Words bytes(Words pixels) { return pixels; }
  static EC_INLINE Words dot(Words sums, Words pixels, Words weights) {
    return reinterpret_cast<Words>(_mm512_dpbusd_epi32(
        reinterpret_cast<__m512i>(sums), reinterpret_cast<__m512i>(pixels),
        reinterpret_cast<__m512i>(weights)));
  }
  static EC_INLINE Words round(Floats value) {
    return reinterpret_cast<Words>(_mm512_cvtps_epi32(reinterpret_cast<__m512>(value)));
  }
  static EC_INLINE Words pack(Words a, Words b, Words c, Words d) {
    const __m512i channels = _mm512_packus_epi16(
        _mm512_packs_epi32(reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)),
        _mm512_packs_epi32(reinterpret_cast<__m512i>(c), reinterpret_cast<__m512i>(d)));
    const __m512i pixels = _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400);
    return reinterpret_cast<Words>(_mm512_shuffle_epi8(channels, pixels));
  }
};

}  // namespace

extern const Kernels avx512_fp32 = kernels<Float32<Simd>, Simd>("avx512");
extern const Kernels avx512_int8 = kernels<Int8<Simd>, Simd>("avx512");

}  // namespace ec_rfernet
