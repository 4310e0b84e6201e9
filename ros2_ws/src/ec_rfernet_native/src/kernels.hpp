// The kernels, for any width of vectors. Included once by each path, which says what its
// processor does in its own way:
//
//   struct Simd {
//     static constexpr int kLanes;                  // elements in a vector
//     static constexpr int kVectors;                // vectors of pixels at once
//     static constexpr int kFloats, kBytes;         // outputs at once, by precision
//     static constexpr int kStrip;                  // vectors of pixels of a sparse convolution
//     static constexpr int kSourceBias;             // see `Kernels`
//     static Words bytes(Words);                    // pixels as `dot` wants them
//     static Words dot(Words sums, Words pixels, Words weights);  // of four bytes each
//     static Words round(Floats);                   // to the nearest, ties to even
//     static Words pack(Words, Words, Words, Words);  // four channels, saturated to 0..255
//   };
//
// Everything is in an unnamed namespace: each path must keep its own copy.
#pragma once

#include <cstddef>
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
  typedef float Halves __attribute__((vector_size(2 * kLanes), may_alias));
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
  return value - Floats{};  // a sum with zero would be computed: it is not the value if that is -0
}

template <class Floats>
EC_INLINE Floats clip(Floats value, Floats low, Floats high) {
  value = value > low ? value : low;
  return value < high ? value : high;
}

// The precisions: what an element is, and what a sum of products.
template <class Simd>
struct Float32 {
  static constexpr int kLanes = Simd::kLanes, kUnit = 1, kMost = Simd::kFloats, kSourceBias = 0,
                       kStrip = Simd::kStrip;
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

// Keeps a value in a register: else the compiler would load it again wherever it is used.
template <class Any>
EC_INLINE void hold(Any& value) {
#ifdef __aarch64__
  asm("" : "+w"(value));
#else
  asm("" : "+v"(value));
#endif
}

// The weights of one plane of a depthwise convolution, for all lanes.
template <int kLanes>
struct Stencil {
  using Floats = typename Vectors<kLanes>::Floats;

  Floats weights[Depthwise::kTaps], bias, low, high;

  EC_INLINE Stencil(const Depthwise& op, int plane)
      : bias(spread_float<Floats>(op.bias[plane])),
        low(spread_float<Floats>(op.low)),
        high(spread_float<Floats>(op.high)) {
    for (int i = 0; i < op.kTaps; ++i)
      weights[i] = spread_float<Floats>(op.weights[plane * op.kTaps + i]);
  }
};

// Every other element of two vectors, from `first` on.
template <int kLanes>
EC_INLINE typename Vectors<kLanes>::Floats every_other(const Word* place, int first) {
  using Words = typename Vectors<kLanes>::Words;
  Words lanes;
  for (int i = 0; i < kLanes; ++i) lanes[i] = 2 * i + first;
  return reinterpret_cast<typename Vectors<kLanes>::Floats>(
      __builtin_shuffle(load<Words>(place), load<Words>(place + kLanes), lanes));
}

// A vector of each of some rows of a depthwise convolution, the rows `below` elements apart.
template <int kLanes, int kStep, int kRows>
EC_INLINE void windows(
    const Stencil<kLanes>& stencil, const Word* source, int stride, Word* target, int below) {
  using Floats = typename Vectors<kLanes>::Floats;
  constexpr int kWindow = Depthwise::kWindow;
  Floats sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = stencil.bias;
#pragma GCC unroll 16
  for (int i = 0; i < kStep * (kRows - 1) + kWindow; ++i) {
    const Word* row = source + i * stride;
#pragma GCC unroll 4
    for (int j = 0; j < kWindow; ++j) {
      Floats value =
          kStep == 1 ? load<Floats>(row + j) : every_other<kLanes>(row + j / 2 * 2, j % 2);
      hold(value);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const int line = i - kStep * r;
        if (line >= 0 && line < kWindow) sums[r] += value * stencil.weights[line * kWindow + j];
      }
    }
  }
  for (int r = 0; r < kRows; ++r)
    store(target + r * below, clip(sums[r], stencil.low, stencil.high));
}

// Some rows of a plane. Behind a row that is shorter than a vector the next one is spoiled: it is
// written later.
template <int kLanes, int kStep, int kRows>
EC_INLINE void depthwise_rows(
    const Stencil<kLanes>& stencil, const Depthwise& op, const Word* source, Word* target,
    int below) {
  const int stride = op.from.stride(), width = op.to.width;
  int x = 0;
  for (; x + kLanes <= width; x += kLanes)
    windows<kLanes, kStep, kRows>(stencil, source + kStep * x, stride, target + x, below);
  if (x == width) return;
  if (x > 0) x = width - kLanes;
  windows<kLanes, kStep, kRows>(stencil, source + kStep * x, stride, target + x, below);
}

constexpr int kBand = 4;  // rows that share what they read

template <int kLanes, int kStep>
EC_INLINE void depthwise_band(
    const Depthwise& op, const Word* source, int plane, Word* target, int below, int rows) {
  const Stencil<kLanes> stencil(op, plane);
  const int step = kStep * op.from.stride();
  int y = 0;
  for (; y + kBand <= rows; y += kBand)
    depthwise_rows<kLanes, kStep, kBand>(
        stencil, op, source + y * step, target + y * below, below);
  for (; y + 2 <= rows; y += 2)
    depthwise_rows<kLanes, kStep, 2>(stencil, op, source + y * step, target + y * below, below);
  for (; y < rows; ++y)
    depthwise_rows<kLanes, kStep, 1>(stencil, op, source + y * step, target + y * below, below);
}

// Rows of a plane, from `row` on, to where the rows are `below` elements apart.
template <int kLanes>
EC_INLINE void depthwise_plane(
    const Depthwise& op, const Word* arena, int plane, int row, int rows, Word* target, int below) {
  const Word* source = arena + op.sources[plane] +
                       (op.step * row + op.top) * op.from.stride() + op.left;
  if (op.step == 1)
    depthwise_band<kLanes, 1>(op, source, plane, target, below, rows);
  else
    depthwise_band<kLanes, 2>(op, source, plane, target, below, rows);
}

// Results go to the plane by way of `room`: vectors that are too wide must not spoil what follows.
template <class Kind>
void depthwise(const Depthwise& op, Word* arena) {
  Word room[kBand * (kMostSide + kAlign)];
  const int wide = round_up(op.to.width, Kind::kLanes);
  for (int p = 0; p < op.planes; ++p) {
    Word* target = arena + op.targets[p];
    for (int y = 0; y < op.to.height; y += kBand) {
      const int left = op.to.height - y, rows = left < kBand ? left : kBand;
      depthwise_plane<Kind::kLanes>(op, arena, p, y, rows, room, wide);
      for (int r = 0; r < rows; ++r)
        std::memcpy(
            target + (y + r) * op.to.stride(), room + r * wide, sizeof(Word) * op.to.width);
    }
    surround(target, op.to, op.border);
  }
}

// Vectors of pixels: where they are read, and where in a plane their results go.
struct Strip {
  const Word* sources;   // of the first input, where they are not planes
  std::ptrdiff_t apart;  // from one input to the next
  const int* places;     // of each vector in a plane
};

// All outputs of so many vectors of pixels, whose sums stay in registers.
template <class Kind, bool kPlanes, int kVectors>
EC_INLINE void mix_strip(const Pointwise& op, Word* arena, const Strip& strip) {
  using Floats = typename Kind::Floats;
  constexpr int kLanes = Kind::kLanes;
  const Floats low = spread_float<Floats>(op.low), high = spread_float<Floats>(op.high);
  const int* places = strip.places;
  const Word* sources = kPlanes ? arena + places[0] : strip.sources;
  const Word* input = op.inputs_of;
  const float* weight = op.weights;
  for (int o = 0; o < op.outputs; ++o) {
    Floats sums[kVectors];
    for (int v = 0; v < kVectors; ++v) sums[v] = spread_float<Floats>(op.bias[o]);
    for (const Word* end = input + op.counts[o]; input < end; ++input, ++weight) {
      const Word* source = sources + (kPlanes ? op.sources[*input] : *input * strip.apart);
      const Floats factor = spread_float<Floats>(*weight);
      for (int v = 0; v < kVectors; ++v) sums[v] += load<Floats>(source + v * kLanes) * factor;
    }
    if (o < op.added)
      for (int v = 0; v < kVectors; ++v) sums[v] += load<Floats>(arena + op.adds[o] + places[v]);
    for (int v = 0; v < kVectors; ++v)
      store(arena + op.targets[o] + places[v], clip(sums[v], low, high));
  }
}

template <class Kind, bool kPlanes, int kVectors = Kind::kStrip>
EC_INLINE void mix_vectors(const Pointwise& op, Word* arena, const Strip& strip, int vectors) {
  if (vectors == kVectors) return mix_strip<Kind, kPlanes, kVectors>(op, arena, strip);
  if constexpr (kVectors > 1)
    mix_vectors<Kind, kPlanes, kVectors - 1>(op, arena, strip, vectors);
}

constexpr int kNearest = 28 << 10;  // bytes of a strip's inputs, for the first-level cache
constexpr int kLeast = 4;           // vectors of a strip: fewer sums would wait for each other

// Vectors may reach into the next row: those that come later mend it.
template <class Kind, bool kPlanes>
EC_INLINE void mix(const Pointwise& op, Word* arena, const Strip& all, int vectors) {
  const int fitting = kNearest / (static_cast<int>(sizeof(Word)) * Kind::kLanes * op.inputs);
  const int most = fitting < kLeast ? kLeast : fitting < Kind::kStrip ? fitting : Kind::kStrip;
  const int strips = (vectors + most - 1) / most;  // as even as can be
  for (int s = 0; s < strips; ++s) {
    const int first = vectors * s / strips, next = vectors * (s + 1) / strips;
    const Strip strip{
        kPlanes ? nullptr : all.sources + first * Kind::kLanes, all.apart, all.places + first};
    mix_vectors<Kind, kPlanes>(op, arena, strip, next - first);
  }
}

template <class Kind>
void pointwise(const Pointwise& op, Word* arena) {
  int places[Kind::kStrip * 8];
  const int all = (op.shape.count() + Kind::kLanes - 1) / Kind::kLanes, most = Kind::kStrip * 8;
  for (int first = 0; first < all; first += most) {
    const int vectors = all - first < most ? all - first : most;
    for (int v = 0; v < vectors; ++v) places[v] = (first + v) * Kind::kLanes;
    mix<Kind, true>(op, arena, {nullptr, 0, places}, vectors);
  }
  for (int o = 0; o < op.outputs; ++o) surround(arena + op.targets[o], op.shape, op.border);
}

// Bands of rows: all planes of the depthwise convolution, one behind the other in `room`, then
// what they are mixed to. Rows of whole vectors follow each other there without a border.
template <class Kind>
void separable(const Separable& op, Word* arena, Word* room) {
  constexpr int kLanes = Kind::kLanes;
  const Shape& shape = op.point.shape;
  const bool whole = shape.width % kLanes == 0;
  const int below = whole ? shape.width : shape.stride();
  const int band = op.band();
  int places[Separable::kEnough / kLanes + kAlign];
  for (int y = 0; y < shape.height; y += band) {
    const int left = shape.height - y, rows = left < band ? left : band;
    const int vectors = (rows * below + kLanes - 1) / kLanes;
    for (int v = 0; v < vectors; ++v)
      places[v] = whole ? (y + v * kLanes / below) * shape.stride() + v * kLanes % below
                        : y * below + v * kLanes;
    const int apart = op.apart(rows);
    for (int p = 0; p < op.depth.planes; ++p)
      depthwise_plane<kLanes>(op.depth, arena, p, y, rows, room + p * apart, below);
    mix<Kind, false>(op.point, arena, {room, apart, places}, vectors);
  }
  for (int o = 0; o < op.point.outputs; ++o)
    surround(arena + op.point.targets[o], shape, op.point.border);
}

// Between the centres of two pixels, three quarters of the nearer one.
template <class Any>
EC_INLINE Any between(Any near, Any far) {
  return 0.75f * near + 0.25f * far;
}

template <class Kind>
void enlarge(const Enlarge& op, Word* arena) {
  constexpr int kHalf = Kind::kLanes / 2;
  using Floats = typename Kind::Floats;
  using Pairs = typename Vectors<Kind::kLanes>::Pairs;
  using Evens = typename Vectors<Kind::kLanes>::Evens;
  using Halves = typename Vectors<Kind::kLanes>::Halves;
  const int width = op.from.width;
  constexpr int kRows = 8;
  constexpr int kWide = kMostSide / 2 + 2 + kAlign;
  Word rows[kRows][kWide], both[kMostSide + kAlign];
  for (int p = 0; p < op.planes; ++p) {
    const Word* source = arena + op.sources[p];
    for (int y = 0; y < op.to.height; ++y) {
      // Some rows at once, for what was just written is not read quickly.
      for (int r = 0; y % kRows == 0 && r < kRows && y + r < op.to.height; ++r) {
        const int near = (y + r) / 2, next = r % 2 ? near + 1 : near - 1;
        const int far = next < 0 || next == op.from.height ? near : next;
        const Word *one = source + near * op.from.stride(), *two = source + far * op.from.stride();
        for (int x = 0; x < width; x += Kind::kLanes)
          store(rows[r] + 1 + x, between(load<Floats>(one + x), load<Floats>(two + x)));
        rows[r][0] = rows[r][1], rows[r][width + 1] = rows[r][width];
      }
      const Word* row = rows[y % kRows];
      for (int x = 0; x < width; x += kHalf) {
        const auto middle = load<Halves>(row + x + 1);
        const auto even = between(middle, load<Halves>(row + x));
        const auto odd = between(middle, load<Halves>(row + x + 2));
        // The lower half of two elements is the first: these processors are little-endian.
        store(
            both + 2 * x,
            __builtin_convertvector(reinterpret_cast<Evens>(even), Pairs) |
                (__builtin_convertvector(reinterpret_cast<Evens>(odd), Pairs) << 32));
      }
      const int place = y * op.to.stride();
      if (op.added > 0) {
        const Word* other = arena + op.adds[p] + place;
        for (int x = 0; x < op.to.width; x += Kind::kLanes)
          store(both + x, load<Floats>(both + x) + load<Floats>(other + x));
      }
      std::memcpy(arena + op.targets[p] + place, both, sizeof(Word) * op.to.width);
    }
    surround(arena + op.targets[p], op.to, op.border);
  }
}

// A row of averages, as floats; `sums` is room. The sums of pixels are made from every byte on, of
// which only those of whole pixels are read.
EC_INLINE void average(const View& view, int row, std::uint16_t* sums, float* target) {
  constexpr float kWhole = 12582912.0f;  // 1.5 * 2^23 leaves no bits for a fraction
  const std::uint8_t* source = view.pixels + row * view.shrink * view.stride;
  for (int x = 0; x < view.row(); ++x) sums[x] = source[x];
  for (int i = 1; i < view.shrink; ++i)
    for (int x = 0; x < view.row(); ++x)
      sums[x] = static_cast<std::uint16_t>(sums[x] + source[i * view.stride + x]);
  const int last = view.row() - View::kColours * (view.shrink - 1);
  for (int x = 0; x < last; ++x) target[x] = sums[x];
  if (view.shrink == 1) return;
  for (int i = 1; i < view.shrink; ++i)
    for (int x = 0; x < last; ++x) target[x] += static_cast<float>(sums[x + i * View::kColours]);
  const float share = 1 / static_cast<float>(view.shrink * view.shrink);
  const float upwards = view.shrink == 2 ? 0.125f : 0;  // ties, as OpenCV rounds them
  for (int x = 0; x < last; ++x) target[x] = target[x] * share + upwards + kWhole - kWhole;
}

// Two neighbours of a place, of which one or both may be outside, where all is black.
struct Neighbours {
  int first, second;
  float one, other;  // their shares

  Neighbours() = default;
  EC_INLINE Neighbours(int place, int length) {
    const int whole = place >> View::kBits;
    const float beyond = static_cast<float>(place - (whole << View::kBits)) / (1 << View::kBits);
    const bool near = whole >= 0 && whole < length, far = whole >= -1 && whole + 1 < length;
    second = far ? whole + 1 : near ? whole : 0, first = near ? whole : second;
    one = near ? 1 - beyond : 0, other = far ? beyond : 0;
  }
};

template <class Kind>
void letterbox(const View& view, int side, std::uint8_t* target, Word* room) {
  using Pixel = Vectors<4>::Floats;
  typedef std::uint8_t Levels __attribute__((vector_size(4)));
  constexpr int kColours = View::kColours;
  const int step = kColours * view.shrink, apart = view.row() + kAlign;
  auto* sums = reinterpret_cast<std::uint16_t*>(room);
  float* averages[2] = {
      reinterpret_cast<float*>(room + apart), reinterpret_cast<float*>(room + 2 * apart)};
  int there[2] = {-1, -1};  // which rows these are
  Neighbours columns[kMostSide];
  for (int x = 0; x < side; ++x) columns[x] = {view.place(x, side, view.width), view.width};
  std::memset(target, 0, static_cast<std::size_t>(side) * side * kColours);
  for (int y = 0; y < side; ++y) {
    const Neighbours rows(view.place(y, side, view.height), view.height);
    if (rows.one + rows.other == 0) continue;
    for (const int wanted : {rows.first, rows.second})
      if (there[wanted % 2] != wanted) {
        average(view, wanted, sums, averages[wanted % 2]);
        there[wanted % 2] = wanted;
      }
    const auto* first = reinterpret_cast<const Word*>(averages[rows.first % 2]);
    const auto* second = reinterpret_cast<const Word*>(averages[rows.second % 2]);
    std::uint8_t* next = target + static_cast<std::size_t>(y) * side * kColours;
    for (int x = 0; x < side; ++x, next += kColours) {
      const Neighbours& column = columns[x];
      if (column.one + column.other == 0) continue;
      const int left = column.first * step, right = column.second * step;
      const Pixel above =
          column.one * load<Pixel>(first + left) + column.other * load<Pixel>(first + right);
      const Pixel below =
          column.one * load<Pixel>(second + left) + column.other * load<Pixel>(second + right);
      const Pixel value = rows.one * above + rows.other * below + 0.5f;
      const Levels levels =
          __builtin_convertvector(__builtin_convertvector(value, Vectors<4>::Words), Levels);
      std::memcpy(next, &levels, kColours);
    }
  }
}

template <class Kind, class Simd>
constexpr Kernels kernels(const char* path) {
  Kernels found{path,       Kind::kUnit, Kind::kMost, Kind::kSourceBias, convolve<Kind, Simd>,
                pool<Kind>, mean<Kind>,  scale<Kind>, add<Kind>,         nullptr,
                nullptr,    nullptr,     nullptr,    nullptr};
  if constexpr (Kind::kUnit == 1) {
    found.depthwise = depthwise<Kind>;
    found.pointwise = pointwise<Kind>;
    found.separable = separable<Kind>;
    found.enlarge = enlarge<Kind>;
    found.letterbox = letterbox<Kind>;
  }
  return found;
}

}  // namespace
}  // namespace ec_rfernet
