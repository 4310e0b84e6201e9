// The kernels, for any width of vectors. Included once by each path, which says what its
// processor does in its own way:
//
//   struct Simd {
//     static constexpr int kLanes;                  // elements in a vector
//     static constexpr int kVectors;                // vectors of pixels at once
//     static constexpr int kFloats, kBytes;         // outputs at once, by precision
//     static constexpr int kSourceBias;             // see `Kernels`
//     static Words bytes(Words);                    // pixels as `dot` wants them
//     static Words dot(Words sums, Words pixels, Words weights);  // of four bytes each
//     static Words round(Floats);                   // to the nearest, ties to even
//     static Words pack(Words, Words, Words, Words);  // four channels, saturated to 0..255
//   };
//
// Everything is in an unnamed namespace: each path must keep its own copy.
#pragma once

#include <cstring>

#include "operations.hpp"

namespace ec_rfernet {
namespace {

template <int kLanes>
struct Vectors {
  // may_alias: an element is a float here and four bytes there.
  typedef Word Words __attribute__((vector_size(4 * kLanes), may_alias));
  typedef float Floats __attribute__((vector_size(4 * kLanes), may_alias));
  typedef std::uint8_t Bytes __attribute__((vector_size(4 * kLanes), may_alias));
  typedef std::uint64_t Pairs __attribute__((vector_size(4 * kLanes), may_alias));
  typedef std::uint32_t Evens __attribute__((vector_size(2 * kLanes), may_alias));
};

template <class Words>
EC_INLINE Words load(const Word* place) {
  Words value;
  std::memcpy(&value, place, sizeof(value));
  return value;
}

template <class Any>
EC_INLINE void store(Word* place, Any value) {
  std::memcpy(place, &value, sizeof(value));
}

template <class Words>
EC_INLINE Words spread(Word value) {
  return Words{} + value;
}

template <class Floats>
EC_INLINE Floats spread_float(float value) {
  return Floats{} + value;
}

template <class Floats>
EC_INLINE Floats clip(Floats value, Floats low, Floats high) {
  value = value > low ? value : low;
  return value < high ? value : high;
}

// The precisions: what an element is, and what a sum of products.
template <class Simd>
struct Float32 {
  static constexpr int kLanes = Simd::kLanes, kUnit = 1, kMost = Simd::kFloats, kSourceBias = 0;
  using Words = typename Vectors<kLanes>::Words;
  using Floats = typename Vectors<kLanes>::Floats;
  using Sums = Floats;

  static EC_INLINE Sums start(Word bias) {
    float value;
    std::memcpy(&value, &bias, sizeof(value));
    return spread_float<Floats>(value);
  }
  static EC_INLINE Words pixels(const Word* place) { return load<Words>(place); }
  static EC_INLINE Sums dot(Sums sums, Words pixels, Word weight) {
    return sums + reinterpret_cast<Floats>(pixels) * start(weight);
  }
  static EC_INLINE Words largest(Words first, Words second) {
    const Floats left = reinterpret_cast<Floats>(first), right = reinterpret_cast<Floats>(second);
    return reinterpret_cast<Words>(left > right ? left : right);
  }
  template <int kVectors, int kOutputs>
  static EC_INLINE void finish(
      const Convolution& op, Word* arena, Sums (&sums)[kOutputs][kVectors], int output) {
    const Floats low = spread_float<Floats>(op.low), high = spread_float<Floats>(op.high);
    for (int o = 0; o < kOutputs; ++o)
      for (int v = 0; v < kVectors; ++v)
        store(
            arena + op.targets[output + o] + v * kLanes,
            reinterpret_cast<Words>(clip(sums[o][v], low, high)));
  }
  template <class Each>  // Floats each(Floats, lane)
  static EC_INLINE Words apply(Words element, Each each) {
    return reinterpret_cast<Words>(each(reinterpret_cast<Floats>(element), 0));
  }
};

template <class Simd>
struct Int8 {
  static constexpr int kLanes = Simd::kLanes, kUnit = 4, kMost = Simd::kBytes,
                       kSourceBias = Simd::kSourceBias;
  using Words = typename Vectors<kLanes>::Words;
  using Floats = typename Vectors<kLanes>::Floats;
  using Bytes = typename Vectors<kLanes>::Bytes;
  using Sums = Words;

  static EC_INLINE Sums start(Word bias) { return spread<Words>(bias); }
  static EC_INLINE Words pixels(const Word* place) { return Simd::bytes(load<Words>(place)); }
  static EC_INLINE Sums dot(Sums sums, Words pixels, Word weights) {
    return Simd::dot(sums, pixels, spread<Words>(weights));
  }
  static EC_INLINE Words largest(Words first, Words second) {
    const Bytes left = reinterpret_cast<Bytes>(first), right = reinterpret_cast<Bytes>(second);
    return reinterpret_cast<Words>(left > right ? left : right);
  }
  template <int kVectors, int kOutputs>
  static EC_INLINE void finish(
      const Convolution& op, Word* arena, Sums (&sums)[kOutputs][kVectors], int output) {
    const Floats zero = spread_float<Floats>(op.zero);
    for (int o = 0; o < kOutputs; o += kUnit)
      for (int v = 0; v < kVectors; ++v) {
        Words bytes[kUnit];
        for (int lane = 0; lane < kUnit; ++lane) {
          const Floats sum = __builtin_convertvector(sums[o + lane][v], Floats);
          bytes[lane] = Simd::round(sum * op.scale[output + o + lane] + zero);
        }
        store(
            arena + op.targets[(output + o) / kUnit] + v * kLanes,
            Simd::pack(bytes[0], bytes[1], bytes[2], bytes[3]));
      }
  }
  template <class Each>
  static EC_INLINE Words apply(Words element, Each each) {
    Words bytes[kUnit];
    for (int lane = 0; lane < kUnit; ++lane) {
      const Words byte = (element >> (8 * lane)) & 255;
      bytes[lane] = Simd::round(each(__builtin_convertvector(byte, Floats), lane));
    }
    return Simd::pack(bytes[0], bytes[1], bytes[2], bytes[3]);
  }
};

// Writes the border of a plane that was computed: whole vectors were, which do not end with rows.
EC_INLINE void surround(Word* plane, const Shape& shape, Word border) {
  for (int i = -shape.around(); i < 0; ++i) plane[i] = border;
  for (int i = shape.width; i < shape.count(); i += shape.stride()) plane[i] = border;
  for (int i = shape.count(); i < shape.span() + shape.around(); ++i) plane[i] = border;
}

// Weights are read once in a row, of large layers from far away. The processor, too, reads ahead,
// but not across the border of a page; this brings 1 to 2 %.
constexpr int kAhead = 256;

// So many outputs of so many vectors of pixels; the sums stay in registers.
template <class Kind, int kVectors, int kOutputs>
EC_INLINE void block(const Convolution& op, Word* arena, int output) {
  typename Kind::Sums sums[kOutputs][kVectors];
  for (int o = 0; o < kOutputs; ++o)
    for (int v = 0; v < kVectors; ++v) sums[o][v] = Kind::start(op.bias[output + o]);
  const Word* weights = op.weights + static_cast<std::int64_t>(output) * op.inputs;
  for (int k = 0; k < op.inputs; ++k, weights += kOutputs) {
    const Word* source = arena + op.sources[k];
    __builtin_prefetch(weights + kAhead);
    typename Kind::Words pixels[kVectors];
    for (int v = 0; v < kVectors; ++v) pixels[v] = Kind::pixels(source + v * Kind::kLanes);
    for (int o = 0; o < kOutputs; ++o)
      for (int v = 0; v < kVectors; ++v) sums[o][v] = Kind::dot(sums[o][v], pixels[v], weights[o]);
  }
  Kind::template finish<kVectors, kOutputs>(op, arena, sums, output);
}

// Finds the block of that many outputs.
template <class Kind, int kVectors, int kOutputs = Kind::kMost>
EC_INLINE void outputs(const Convolution& op, Word* arena, int output, int count) {
  if (count == kOutputs) return block<Kind, kVectors, kOutputs>(op, arena, output);
  if constexpr (kOutputs > Kind::kUnit)
    outputs<Kind, kVectors, kOutputs - Kind::kUnit>(op, arena, output, count);
}

template <class Kind, int kVectors>
void strip(const Convolution& op, Word* arena, int first, int output, int count) {
  outputs<Kind, kVectors>(op, arena + first, output, count);
}

// Some outputs of the next vectors of pixels; returns of how many.
template <class Kind, class Simd>
int column(const Convolution& op, Word* arena, int vector, int vectors, int output, int count) {
  const int first = vector * Kind::kLanes, left = vectors - vector;
  if (left >= Simd::kVectors && left != Simd::kVectors + 1) {
    strip<Kind, Simd::kVectors>(op, arena, first, output, count);
    return Simd::kVectors;
  }
  if (left >= 2) {  // a single vector is slow: its sums wait for each other
    strip<Kind, 2>(op, arena, first, output, count);
    return 2;
  }
  strip<Kind, 1>(op, arena, first, output, count);
  return 1;
}

template <class Kind, class Simd>
void convolve(const Convolution& op, Word* arena) {
  const Blocks blocks{op.outputs, Kind::kUnit, Kind::kMost};
  const int vectors = (op.shape.count() + Kind::kLanes - 1) / Kind::kLanes;
  // All outputs of a strip of pixels before the next one: it stays in the nearest cache.
  for (int v = 0, step = 0; v < vectors; v += step)
    for (int b = 0; b < blocks.count(); ++b) {
      const int output = blocks.begin(b), count = blocks.begin(b + 1) - output;
      step = column<Kind, Simd>(op, arena, v, vectors, output, count);
    }
  for (int i = 0; i < op.outputs / Kind::kUnit; ++i)
    surround(arena + op.targets[i], op.shape, op.border);
}

// The largest of each window, for every column; then every other column is kept.
template <class Kind>
EC_INLINE void pool_row(const Pool& op, const Word* source, Word* target) {
  constexpr int kHalf = Kind::kLanes / 2;
  using Pairs = typename Vectors<Kind::kLanes>::Pairs;
  using Evens = typename Vectors<Kind::kLanes>::Evens;
  for (int x = 0; x < op.to.width; x += kHalf) {
    auto value = load<typename Kind::Words>(source + 2 * x);
    for (int i = 0; i < op.window; ++i)
      for (int j = 0; j < op.window; ++j)
        value = Kind::largest(
            value, load<typename Kind::Words>(source + i * op.from.stride() + j + 2 * x));
    // The lower half of two elements is the first: these processors are little-endian.
    store(target + x, __builtin_convertvector(reinterpret_cast<Pairs>(value), Evens));
  }
}

template <class Kind>
void pool(const Pool& op, Word* arena) {
  const int written = round_up(op.to.width, Kind::kLanes / 2);
  Word row[kMostSide + kAlign];
  for (int i = 0; i < op.planes; ++i) {
    const Word* source = arena + op.sources[i] + op.top * op.from.stride() + op.left;
    Word* target = arena + op.targets[i];
    for (int y = 0; y < op.to.height; ++y) {
      const int first = y * op.to.stride();
      if (first + written <= op.to.count()) {  // what is too much the next row overwrites
        pool_row<Kind>(op, source, target + first);
      } else {
        pool_row<Kind>(op, source, row);
        std::memcpy(target + first, row, sizeof(Word) * op.to.width);
      }
      source += 2 * op.from.stride();
    }
    surround(arena + op.targets[i], op.to, op.border);
  }
}

template <class Kind>
void mean(const Mean& op, const Word* arena, float* values) {
  using Floats = typename Kind::Floats;
  constexpr int kLanes = Kind::kLanes;
  const int vectors = (op.shape.count() + kLanes - 1) / kLanes;
  const float pixels = static_cast<float>(op.shape.height * op.shape.width);
  for (int i = 0; i < op.planes; ++i) {
    Floats sums[Kind::kUnit] = {};
    for (int v = 0; v < vectors; ++v) {
      const auto element = load<typename Kind::Words>(arena + op.sources[i] + v * kLanes);
      for (int lane = 0; lane < Kind::kUnit; ++lane) {
        if constexpr (Kind::kUnit == 1)
          sums[lane] += reinterpret_cast<Floats>(element);
        else  // whole numbers below 2^24: a float holds their sum
          sums[lane] += __builtin_convertvector((element >> (8 * lane)) & 255, Floats);
      }
    }
    for (int lane = 0; lane < Kind::kUnit; ++lane) {
      float sum = 0;
      for (int j = 0; j < kLanes; ++j) sum += sums[lane][j];
      // The border, too, was added; it stands for zero.
      sum -= op.zero * static_cast<float>(vectors * kLanes);
      values[op.result + i * Kind::kUnit + lane] = sum * op.scale / pixels;
    }
  }
}

template <class Kind>
void scale(const Scale& op, Word* arena, const float* values) {
  for (int i = 0; i < op.planes; ++i) {
    float factors[Kind::kUnit], offsets[Kind::kUnit];
    for (int lane = 0; lane < Kind::kUnit; ++lane) {
      const float gain = op.gains < 0 ? 1.0f : values[op.gains + i * Kind::kUnit + lane];
      factors[lane] = gain * op.ratio;
      offsets[lane] = op.new_zero - op.zero * factors[lane];
    }
    for (int x = 0; x < op.shape.count(); x += Kind::kLanes) {
      const auto element = load<typename Kind::Words>(arena + op.sources[i] + x);
      store(
          arena + op.targets[i] + x,
          Kind::apply(element, [&](typename Kind::Floats value, int lane) {
            return value * factors[lane] + offsets[lane];
          }));
    }
    surround(arena + op.targets[i], op.shape, op.border);
  }
}

template <class Kind>
void add(const Add& op, Word* arena) {
  using Words = typename Kind::Words;
  using Floats = typename Kind::Floats;
  const Floats low = spread_float<Floats>(op.low), high = spread_float<Floats>(op.high);
  for (int i = 0; i < op.planes; ++i) {
    for (int x = 0; x < op.shape.count(); x += Kind::kLanes) {
      const Words right = load<Words>(arena + op.right[i] + x);
      store(
          arena + op.targets[i] + x,
          Kind::apply(load<Words>(arena + op.left[i] + x), [&](Floats value, int lane) {
            Floats other;
            if constexpr (Kind::kUnit == 1)
              other = reinterpret_cast<Floats>(right);
            else
              other = __builtin_convertvector((right >> (8 * lane)) & 255, Floats);
            return clip(value * op.left_ratio + other * op.right_ratio + op.offset, low, high);
          }));
    }
    surround(arena + op.targets[i], op.shape, op.border);
  }
}

template <class Kind, class Simd>
constexpr Kernels kernels(const char* path) {
  return {path,       Kind::kUnit, Kind::kMost, Kind::kSourceBias, convolve<Kind, Simd>,
          pool<Kind>, mean<Kind>,  scale<Kind>, add<Kind>};
}

}  // namespace
}  // namespace ec_rfernet
