// Any processor: vectors of 128 bits, which every x86-64 and every 64-bit Arm has. In fp32 this is
// what an Arm needs (NEON); in int8, without a dot product of bytes, it is slow, but right.
#include "kernels.hpp"
#include "paths.hpp"

namespace ec_rfernet {
namespace {

struct Simd {
  using Words = Vectors<4>::Words;
  using Floats = Vectors<4>::Floats;
  static constexpr int kLanes = 4, kFloats = 4, kBytes = 4, kSourceBias = 0;
#ifdef __aarch64__
  static constexpr int kVectors = 4, kStrip = 12;  // it has 32 registers
#else
  static constexpr int kVectors = 3, kStrip = 8;
#endif

  static EC_INLINE Words bytes(Words pixels) { return pixels; }
  static EC_INLINE Words dot(Words sums, Words pixels, Words weights) {
    // Products of bytes and weights of 7 bits, and the sum of two of them, fit into 16 bits.
    typedef std::uint16_t Halves __attribute__((vector_size(16), may_alias));
    typedef std::int16_t Signed __attribute__((vector_size(16), may_alias));
    const Signed both = reinterpret_cast<Signed>(weights);
    const Halves even = reinterpret_cast<Halves>((both << 8) >> 8);
    const Halves odd = reinterpret_cast<Halves>(both >> 8);
    const Halves bytes = reinterpret_cast<Halves>(pixels);
    const Words pairs = reinterpret_cast<Words>((bytes & 255) * even + (bytes >> 8) * odd);
    return sums + ((pairs << 16) >> 16) + (pairs >> 16);
  }
  static EC_INLINE Words round(Floats value) {
    // Adding 1.5 * 2^23 leaves no bits for a fraction, and the number in the lowest bits.
    const Floats shift = spread_float<Floats>(12582912.0f);
    const Floats bound = spread_float<Floats>(4000000.0f);
    const Floats shifted = clip(value, -bound, bound) + shift;
    return reinterpret_cast<Words>(shifted) - reinterpret_cast<Words>(shift);
  }
  static EC_INLINE Words saturate(Words value) {
    const Words most = spread<Words>(255);
    value = value > 0 ? value : Words{};
    return value < most ? value : most;
  }
  static EC_INLINE Words pack(Words a, Words b, Words c, Words d) {
    return saturate(a) | (saturate(b) << 8) | (saturate(c) << 16) | (saturate(d) << 24);
  }
};

}  // namespace

extern const Kernels portable_fp32 = kernels<Float32<Simd>, Simd>("portable");
extern const Kernels portable_int8 = kernels<Int8<Simd>, Simd>("portable");

}  // namespace ec_rfernet
