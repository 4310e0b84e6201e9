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

// Elements in a row.
EC_INLINE void fill(Word* from, int count, Word value) {
  using Four = Vectors<4>::Words;
  const Four four = spread<Four>(value);
  int i = 0;
  for (; i + 4 <= count; i += 4) store(from + i, four);
  if (i < count && count >= 4)
    store(from + count - 4, four);
  else
    for (; i < count; ++i) from[i] = value;
}

// Writes the border of a plane that was computed: whole vectors were, which do not end with rows.
EC_INLINE void surround(Word* plane, const Shape& shape, Word border) {
  fill(plane - shape.around(), shape.around(), border);
  for (int i = shape.width; i < shape.count(); i += shape.stride()) plane[i] = border;
  fill(plane + shape.count(), shape.span() + shape.around() - shape.count(), border);
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

  Floats weights[Depthwise::kTaps], bias;

  EC_INLINE Stencil(const Depthwise& op, int plane)
      : bias(spread_float<Floats>(op.bias[plane])) {
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

// A vector of each of some rows of a depthwise convolution, the rows `below` elements apart; what
// they are made from begins `kDown` rows apart.
template <int kLanes, int kStep, int kRows, int kDown = kStep>
EC_INLINE void windows(
    const Stencil<kLanes>& stencil, const Word* source, int stride, Word* target, int below) {
  using Floats = typename Vectors<kLanes>::Floats;
  constexpr int kWindow = Depthwise::kWindow;
  Floats sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = stencil.bias;
#pragma GCC unroll 16
  for (int i = 0; i < kDown * (kRows - 1) + kWindow; ++i) {
    const Word* row = source + i * stride;
#pragma GCC unroll 4
    for (int j = 0; j < kWindow; ++j) {
      Floats value =
          kStep == 1 ? load<Floats>(row + j) : every_other<kLanes>(row + j / 2 * 2, j % 2);
      hold(value);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const int line = i - kDown * r;
        if (line >= 0 && line < kWindow) sums[r] += value * stencil.weights[line * kWindow + j];
      }
    }
  }
  for (int r = 0; r < kRows; ++r) store(target + r * below, sums[r]);
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
  if (kStep == 1 && below == op.from.stride() && 2 * below - 1 <= kLanes) {
    // Two rows fit into a vector, with the border between them.
    for (; y + 6 <= rows; y += 6)
      windows<kLanes, 1, 3, 2>(
          stencil, source + y * step, step, target + y * below, 2 * below);
    for (; y + 2 <= rows; y += 2)
      windows<kLanes, 1, 1>(stencil, source + y * step, step, target + y * below, below);
  }
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
  if (!op.bounded()) return;  // hardly any is
  using Floats = typename Vectors<kLanes>::Floats;
  const Floats low = spread_float<Floats>(op.low), high = spread_float<Floats>(op.high);
  const int elements = (rows - 1) * below + op.to.width;
  for (int x = 0; x < elements; x += kLanes)
    store(target + x, clip(load<Floats>(target + x), low, high));
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
  const Word* sources;
  const int* places;  // of each vector in a plane
  int last;           // elements of the last vector that are written
};

// All outputs of so many vectors of pixels, whose sums stay in registers. Several terms have sums
// of their own, for a sum that was just changed has to be waited for.
template <class Kind, int kVectors, int kTerms>
EC_INLINE void mix_strip(const Pointwise& op, Word* arena, const Strip& strip) {
  using Floats = typename Kind::Floats;
  using Words = typename Kind::Words;
  constexpr int kLanes = Kind::kLanes;
  const Floats low = spread_float<Floats>(op.low), high = spread_float<Floats>(op.high);
  const bool capped = op.capped();
  Words written;
  for (int i = 0; i < kLanes; ++i) written[i] = i < strip.last ? -1 : 0;
  const int* places = strip.places;
  const Word* read = op.reads;
  const float* weight = op.weights;
  for (int o = 0; o < op.outputs; ++o) {
    Floats sums[kTerms][kVectors] = {};
    for (int v = 0; v < kVectors; ++v) sums[0][v] = spread_float<Floats>(op.bias[o]);
    if (o < op.added)
      for (int v = 0; v < kVectors; ++v) sums[0][v] += load<Floats>(arena + op.adds[o] + places[v]);
    const Word* end = read + op.counts[o];
    for (; end - read >= kTerms; read += kTerms, weight += kTerms)
      for (int t = 0; t < kTerms; ++t) {
        const Word* source = strip.sources + read[t];
        const Floats factor = spread_float<Floats>(weight[t]);
        for (int v = 0; v < kVectors; ++v)
          sums[t][v] += load<Floats>(source + v * kLanes) * factor;
      }
    if constexpr (kTerms > 1)
      for (; read < end; ++read, ++weight) {
        const Word* source = strip.sources + *read;
        const Floats factor = spread_float<Floats>(*weight);
        for (int v = 0; v < kVectors; ++v)
          sums[0][v] += load<Floats>(source + v * kLanes) * factor;
      }
    Word* target = arena + op.targets[o];
    for (int v = 0; v < kVectors; ++v) {
      Floats sum = sums[0][v];
      for (int t = 1; t < kTerms; ++t) sum += sums[t][v];
      sum = sum > low ? sum : low;
      if (capped) sum = sum < high ? sum : high;
      if (v == kVectors - 1) sum = written ? sum : load<Floats>(target + places[v]);
      store(target + places[v], sum);
    }
  }
}

template <class Kind, int kVectors = Kind::kStrip>
EC_INLINE void mix_vectors(const Pointwise& op, Word* arena, const Strip& strip, int vectors) {
  constexpr int kTerms = kVectors > 5 ? 1 : kVectors > 2 ? 2 : 4;
  if (vectors == kVectors) return mix_strip<Kind, kVectors, kTerms>(op, arena, strip);
  if constexpr (kVectors > 1) mix_vectors<Kind, kVectors - 1>(op, arena, strip, vectors);
}

constexpr int kNearest = 28 << 10;  // bytes of a strip's inputs, for the first-level cache
constexpr int kLeast = 3;           // vectors of a strip: fewer would be read too slowly

// Vectors that are read one behind the other; behind the last element nothing is written.
template <class Kind>
EC_INLINE void mix(
    const Pointwise& op, Word* arena, const Word* sources, const int* places, int elements) {
  constexpr int kLanes = Kind::kLanes;
  const int vectors = (elements + kLanes - 1) / kLanes;
  const int fitting = kNearest / (static_cast<int>(sizeof(Word)) * kLanes * op.inputs);
  const int most = fitting < kLeast ? kLeast : fitting < Kind::kStrip ? fitting : Kind::kStrip;
  const int strips = (vectors + most - 1) / most;  // as even as can be
  for (int s = 0; s < strips; ++s) {
    const int first = vectors * s / strips, next = vectors * (s + 1) / strips;
    const int left = elements - (next - 1) * kLanes;
    const Strip strip{sources + first * kLanes, places + first, left < kLanes ? left : kLanes};
    mix_vectors<Kind>(op, arena, strip, next - first);
  }
}

template <class Kind>
void pointwise(const Pointwise& op, Word* arena) {
  constexpr int kLanes = Kind::kLanes, kMost = Kind::kStrip * 8;
  int places[kMost];
  const int end = op.shape.count();
  for (int first = 0; first < end; first += kMost * kLanes) {
    const int left = end - first, elements = left < kMost * kLanes ? left : kMost * kLanes;
    for (int v = 0; v * kLanes < elements; ++v) places[v] = first + v * kLanes;
    mix<Kind>(op, arena, arena + first, places, elements);
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
  const int band = op.band(), apart = op.apart(band);
  int places[Separable::kEnough / kLanes + kAlign];
  for (int y = 0; y < shape.height; y += band) {
    const int left = shape.height - y, high = left < band ? left : band;
    for (int v = 0; v * kLanes < high * below; ++v)
      places[v] = whole ? (y + v * kLanes / below) * shape.stride() + v * kLanes % below
                        : y * below + v * kLanes;
    for (int p = 0; p < op.depth.planes; ++p)
      depthwise_plane<kLanes>(op.depth, arena, p, y, high, room + p * apart, below);
    mix<Kind>(op.point, arena, room, places, high * below);
  }
  for (int o = 0; o < op.point.outputs; ++o)
    surround(arena + op.point.targets[o], shape, op.point.border);
}

// Between the centres of two pixels, three quarters of the nearer one.
template <class Any>
EC_INLINE Any between(Any near, Any far) {
  return 0.75f * near + 0.25f * far;
}

// Twice as many pixels as a row has, whose ends are repeated around it. Others may be added.
template <int kLanes>
EC_INLINE void enlarge_row(const Word* row, int width, const Word* others, Word* target) {
  using Floats = typename Vectors<kLanes>::Floats;
  using Words = typename Vectors<kLanes>::Words;
  Words low, high;  // of two vectors in turn
  for (int i = 0; i < kLanes; ++i)
    low[i] = i / 2 + i % 2 * kLanes, high[i] = low[i] + kLanes / 2;
  for (int next = 0; next < width; next += kLanes) {
    const int x = next + kLanes <= width ? next : width - kLanes;
    const auto middle = load<Floats>(row + x);
    const auto even = between(middle, load<Floats>(row + x - 1));
    const auto odd = between(middle, load<Floats>(row + x + 1));
    Floats first = __builtin_shuffle(even, odd, low), second = __builtin_shuffle(even, odd, high);
    if (others) {
      first += load<Floats>(others + 2 * x);
      second += load<Floats>(others + 2 * x + kLanes);
    }
    store(target + 2 * x, first);
    store(target + 2 * x + kLanes, second);
  }
}

template <class Kind>
void enlarge(const Enlarge& op, Word* arena) {
  constexpr int kLanes = Kind::kLanes, kFew = 4;
  using Floats = typename Kind::Floats;
  const int width = op.from.width, stride = op.to.stride();
  constexpr int kRows = 8;
  constexpr int kWide = kMostSide / 2 + 2 + kAlign;
  Word rows[kRows][kWide];
  for (int p = 0; p < op.planes; ++p) {
    const Word* source = arena + op.sources[p];
    const Word* others = op.added > 0 ? arena + op.adds[p] : nullptr;
    Word* target = arena + op.targets[p];
    for (int y = 0; y < op.to.height; ++y) {
      // Some rows at once, for what was just written is not read quickly.
      for (int r = 0; y % kRows == 0 && r < kRows && y + r < op.to.height; ++r) {
        const int near = (y + r) / 2, next = r % 2 ? near + 1 : near - 1;
        const int far = next < 0 || next == op.from.height ? near : next;
        const Word *one = source + near * op.from.stride(), *two = source + far * op.from.stride();
        for (int x = 0; x < width; x += kLanes)
          store(rows[r] + 1 + x, between(load<Floats>(one + x), load<Floats>(two + x)));
        rows[r][0] = rows[r][1], rows[r][width + 1] = rows[r][width];
      }
      const Word* row = rows[y % kRows] + 1;
      const Word* other = others ? others + y * stride : nullptr;
      if (width >= kLanes)
        enlarge_row<kLanes>(row, width, other, target + y * stride);
      else if (width >= kFew)
        enlarge_row<kFew>(row, width, other, target + y * stride);
      else
        for (int x = 0; x < width; ++x) {
          Word both[2 * kFew];
          enlarge_row<kFew>(row + x, kFew, nullptr, both);
          typedef Vectors<2>::Floats Two;
          Two value = load<Two>(both);
          if (other) value += load<Two>(other + 2 * x);
          store(target + y * stride + 2 * x, value);
        }
    }
    surround(target, op.to, op.border);
  }
}

// A row of averages, rounded as OpenCV does; `room` is for a row of floats. They are made from
// every byte on, of which only those of whole pixels are read.
EC_INLINE void average(const View& view, int row, std::uint16_t* target, float* room) {
  constexpr float kWhole = 12582912.0f;  // 1.5 * 2^23 leaves no bits for a fraction
  constexpr int kColours = View::kColours;
  const std::uint8_t* source = view.pixels + row * view.shrink * view.stride;
  const int last = view.row() - kColours * (view.shrink - 1);
  if (view.shrink == 1) {
    for (int x = 0; x < last; ++x) target[x] = source[x];
  } else if (view.shrink == 2) {  // what cameras send
    const std::uint8_t* below = source + view.stride;
    for (int x = 0; x < last; ++x)
      target[x] = static_cast<std::uint16_t>(
          (source[x] + source[x + kColours] + below[x] + below[x + kColours] + 2) >> 2);
  } else {
    for (int x = 0; x < view.row(); ++x) target[x] = source[x];
    for (int i = 1; i < view.shrink; ++i)
      for (int x = 0; x < view.row(); ++x)
        target[x] = static_cast<std::uint16_t>(target[x] + source[i * view.stride + x]);
    for (int x = 0; x < last; ++x) room[x] = target[x];
    for (int i = 1; i < view.shrink; ++i)
      for (int x = 0; x < last; ++x) room[x] += static_cast<float>(target[x + i * kColours]);
    const float share = 1 / static_cast<float>(view.shrink * view.shrink);
    for (int x = 0; x < last; ++x)
      target[x] = static_cast<std::uint16_t>(room[x] * share + kWhole - kWhole);
  }
}

// Two neighbours of a place, of which one or both may be outside, where all is black.
struct Neighbours {
  static constexpr int kWhole = 1 << View::kBits;

  int first, second, one, other;  // the neighbours, and their shares of `kWhole`

  EC_INLINE Neighbours(int place, int length) {
    const int whole = place >> View::kBits, beyond = place - (whole << View::kBits);
    const bool near = whole >= 0 && whole < length, far = whole >= -1 && whole + 1 < length;
    second = far ? whole + 1 : near ? whole : 0, first = near ? whole : second;
    one = near ? kWhole - beyond : 0, other = far ? beyond : 0;
  }
};

// A row of the square, between the columns of a row of averages, its pixels divided by the parity
// of their column. A pixel has four numbers, the last of which means nothing.
struct Columns {
  typedef std::uint16_t Numbers __attribute__((vector_size(16), may_alias));

  static constexpr int kEach = 4, kSide = kMostSide / Picture::kParts + kEach;

  struct Column {
    Numbers one, other;  // shares
    int left, right;     // numbers of the row
  };

  std::uint16_t pixels[Picture::kParts][kSide * kEach + kEach];

  static EC_INLINE Vectors<4>::Floats pixel(const std::uint16_t* row, int x) {
    Numbers numbers;
    std::memcpy(&numbers, row + x * kEach, sizeof(numbers));
    // Each with a zero behind it is the same number with more bits: processors are little-endian.
    const Numbers wider = __builtin_shuffle(numbers, Numbers{}, Numbers{0, 8, 1, 9, 2, 10, 3, 11});
    return __builtin_convertvector(
        reinterpret_cast<Vectors<4>::Words>(wider), Vectors<4>::Floats);
  }

  EC_INLINE void fill(const std::uint16_t* row, const Column* columns, int side) {
    for (int x = 0; x < side / Picture::kParts; ++x)
      for (auto& part : pixels) {
        const Column& column = *columns++;
        Numbers left, right;
        std::memcpy(&left, row + column.left, sizeof(left));
        std::memcpy(&right, row + column.right, sizeof(right));
        const Numbers sum = left * column.one + right * column.other;
        std::memcpy(part + x * kEach, &sum, sizeof(sum));
      }
  }
};

// Four pixels of the square, between two rows: four of each colour.
EC_INLINE void blend(
    const std::uint16_t* first, const std::uint16_t* second, const Neighbours& rows,
    const Picture& op, Vectors<4>::Floats (&colours)[Picture::kColours]) {
  using Pixel = Vectors<4>::Floats;
  using Places = Vectors<4>::Words;
  constexpr float kShare = 1.0f / (Neighbours::kWhole * Neighbours::kWhole);
  const float one = static_cast<float>(rows.one) * kShare;
  const float other = static_cast<float>(rows.other) * kShare;
  Pixel pixels[Columns::kEach];
  for (int i = 0; i < Columns::kEach; ++i) {
    const Pixel level = Columns::pixel(first, i) * one + Columns::pixel(second, i) * other + 0.5f;
    const Pixel whole = __builtin_convertvector(__builtin_convertvector(level, Places), Pixel);
    pixels[i] = whole * op.slope + op.offset;
  }
  const Places low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, start = {0, 1, 4, 5}, end = {2, 3, 6, 7};
  const Pixel left = __builtin_shuffle(pixels[0], pixels[1], low);
  const Pixel right = __builtin_shuffle(pixels[2], pixels[3], low);
  colours[0] = __builtin_shuffle(left, right, start);
  colours[1] = __builtin_shuffle(left, right, end);
  colours[2] = __builtin_shuffle(
      __builtin_shuffle(pixels[0], pixels[1], high), __builtin_shuffle(pixels[2], pixels[3], high),
      start);
}

template <class Kind>
void letterbox(const View& view, const Picture& op, Word* arena, Word* room) {
  using Pixel = Vectors<4>::Floats;
  constexpr int kColours = Picture::kColours, kParts = Picture::kParts, kEach = Columns::kEach;
  const int side = kParts * op.shape.height, wide = op.shape.width;
  const int step = kColours * view.shrink;
  auto* averages = reinterpret_cast<std::uint16_t*>(room);
  auto* sums = reinterpret_cast<float*>(room + view.row() + kAlign);
  Columns kept[2];
  int there[2] = {-1, -1};  // which rows these are
  Columns::Column columns[kMostSide];
  for (int x = 0; x < side; ++x) {
    const Neighbours at(view.place(x, side, view.width), view.width);
    columns[x] = {
        Columns::Numbers{} + static_cast<std::uint16_t>(at.one),
        Columns::Numbers{} + static_cast<std::uint16_t>(at.other), at.first * step,
        at.second * step};
  }
  for (int y = 0; y < side; ++y) {
    const Neighbours rows(view.place(y, side, view.height), view.height);
    const bool black = rows.one + rows.other == 0;
    for (const int wanted : {rows.first, rows.second})
      if (Columns& row = kept[wanted % 2]; !black && there[wanted % 2] != wanted) {
        average(view, wanted, averages, sums);
        row.fill(averages, columns, side);
        there[wanted % 2] = wanted;
      }
    for (int part = 0; part < kParts; ++part) {
      Word* targets[kColours];
      for (int colour = 0; colour < kColours; ++colour)
        targets[colour] = arena + op.target(colour, y % kParts, part) +
                          y / kParts * op.shape.stride();
      const std::uint16_t* first = kept[rows.first % 2].pixels[part];
      const std::uint16_t* second = kept[rows.second % 2].pixels[part];
      Pixel colours[kColours];
      for (Pixel& colour : colours) colour = spread_float<Pixel>(op.offset);
      for (int x = 0; x < wide; x += kEach) {
        if (!black) blend(first + x * kEach, second + x * kEach, rows, op, colours);
        const std::size_t size = sizeof(Word) * (wide - x < kEach ? wide - x : kEach);
        for (int colour = 0; colour < kColours; ++colour)
          if (size == sizeof(Pixel))
            store(targets[colour] + x, colours[colour]);
          else
            std::memcpy(targets[colour] + x, &colours[colour], size);
      }
    }
  }
  for (int i = 0; i < op.kPlanes; ++i) surround(arena + op.targets[i], op.shape, op.border);
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
