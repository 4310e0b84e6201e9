// 64-bit Arm with dot products of bytes: Cortex-A55, A76 (Raspberry Pi 5) and later.
#include <arm_neon.h>

#include "kernels.hpp"
#include "paths.hpp"

namespace ec_rfernet {
namespace {

struct Simd {
  using Words = Vectors<4>::Words;
  using Floats = Vectors<4>::Floats;
  // The dot product wants both factors signed: 128 is taken from every byte, and added again in
  // the bias.
  static constexpr int kLanes = 4, kVectors = 4, kFloats = 4, kBytes = 4, kStrip = 12,
                       kSourceBias = 128;

  static EC_INLINE Words bytes(Words pixels) {
    return pixels ^ spread<Words>(static_cast<Word>(0x80808080u));
  }
  static EC_INLINE Words dot(Words sums, Words pixels, Words weights) {
    return reinterpret_cast<Words>(vdotq_s32(
        reinterpret_cast<int32x4_t>(sums), reinterpret_cast<int8x16_t>(pixels),
        reinterpret_cast<int8x16_t>(weights)));
  }
  static EC_INLINE Words round(Floats value) {
    return reinterpret_cast<Words>(vcvtnq_s32_f32(reinterpret_cast<float32x4_t>(value)));
  }
  static EC_INLINE Words pack(Words a, Words b, Words c, Words d) {
    const int16x8_t first = vcombine_s16(
        vqmovn_s32(reinterpret_cast<int32x4_t>(a)), vqmovn_s32(reinterpret_cast<int32x4_t>(b)));
    const int16x8_t second = vcombine_s16(
        vqmovn_s32(reinterpret_cast<int32x4_t>(c)), vqmovn_s32(reinterpret_cast<int32x4_t>(d)));
    const uint8x16_t channels = vcombine_u8(vqmovun_s16(first), vqmovun_s16(second));
    const uint8x16_t pixels = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    return reinterpret_cast<Words>(vqtbl1q_u8(channels, pixels));
  }
};

}  // namespace

extern const Kernels neon_dot_fp32 = kernels<Float32<Simd>, Simd>("neon_dot");
extern const Kernels neon_dot_int8 = kernels<Int8<Simd>, Simd>("neon_dot");

}  // namespace ec_rfernet
