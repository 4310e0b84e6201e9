// x86-64 with AVX2: Intel since 2013, AMD since 2015.
#include <immintrin.h>

#include "kernels.hpp"
#include "paths.hpp"

namespace ec_rfernet {
namespace {

struct Simd {
  using Words = Vectors<8>::Words;
  using Floats = Vectors<8>::Floats;
  static constexpr int kLanes = 8, kVectors = 3, kFloats = 4, kBytes = 4, kStrip = 8,
                       kSourceBias = 0;

  static EC_INLINE Words bytes(Words pixels) { return pixels; }
  static EC_INLINE Words dot(Words sums, Words pixels, Words weights) {
    // Pairs are added in 16 bits, which weights of 7 bits cannot exceed.
    const __m256i pairs =
        _mm256_maddubs_epi16(reinterpret_cast<__m256i>(pixels), reinterpret_cast<__m256i>(weights));
    return sums + reinterpret_cast<Words>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  static EC_INLINE Words round(Floats value) {
    return reinterpret_cast<Words>(_mm256_cvtps_epi32(reinterpret_cast<__m256>(value)));
  }
  static EC_INLINE Words pack(Words a, Words b, Words c, Words d) {
    const __m256i channels = _mm256_packus_epi16(
        _mm256_packs_epi32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)),
        _mm256_packs_epi32(reinterpret_cast<__m256i>(c), reinterpret_cast<__m256i>(d)));
    const __m256i pixels = _mm256_setr_epi8(
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,  //
        0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return reinterpret_cast<Words>(_mm256_shuffle_epi8(channels, pixels));
  }
};

}  // namespace

extern const Kernels avx2_fp32 = kernels<Float32<Simd>, Simd>("avx2");
extern const Kernels avx2_int8 = kernels<Int8<Simd>, Simd>("avx2");

}  // namespace ec_rfernet
