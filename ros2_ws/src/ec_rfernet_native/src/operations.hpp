// What a program consists of: operations on planes of pixels.
//
// A plane holds one element of 32 bits for each pixel: a float of one channel, or the bytes of four
// channels. So both precisions share all that is said here:
//
// - rows follow each other with one pixel between them, which is the right border of one row and
//   the left border of the next; a row above, a row below;
// - so a neighbour of a pixel is at a constant distance, and a convolution is a list of distances:
//   a 3x3 one reads nine times as many sources as a 1x1 one, and is the same loop;
// - a source is any plane, so that joining and splitting channels costs nothing.
#pragma once

#include <cstdint>
#include <limits>

namespace ec_rfernet {

using Word = std::int32_t;

// Inlined always: code that was compiled for one processor must not be called on another.
#define EC_INLINE inline __attribute__((always_inline))

constexpr int kAlign = 16;      // elements; a plane is computed in steps of at most so many
constexpr int kMostSide = 512;  // pixels

EC_INLINE constexpr int round_up(int value, int step) { return (value + step - 1) / step * step; }

struct Shape {
  int height, width;


  EC_INLINE int stride() const { return width + 1; }
  EC_INLINE int count() const { return height * stride(); }         // borders at the right too
  EC_INLINE int span() const { return round_up(count(), kAlign); }  // what whole vectors cover
  EC_INLINE int around() const { return stride() + 1; }             // before it, and behind it
};

// Planes are given by the place of their first pixel.
using Places = const Word*;

// fp32: clip(bias + sum weight * source, low, high). int8: bytes of round(scale * sum + zero).
struct Convolution {
  Shape shape;
  Word border;  // element around the result
  int inputs, outputs;
  float low, high, zero;
  Places sources, targets;
  const Word* weights;  // in blocks of outputs, see `Blocks`; in each [inputs][outputs]
  const Word* bias;
  const float* scale;
};

// The largest of a window of every other pixel; of a window of one, every other pixel.
struct Pool {
  Shape from, to;
  Word border;
  int window, top, left, planes;
  Places sources, targets;
};

// Averages of whole planes.
struct Mean {
  Shape shape;
  int planes;
  float scale, zero;  // of int8
  Places sources;
  int result;  // index of the first value
};

// Planes times one gain for each channel; int8: round((source - zero) * gain * ratio + new zero).
struct Scale {
  Shape shape;
  Word border;
  int planes;
  int gains;  // index of the first value; -1: all gains are 1
  float ratio, zero, new_zero;
  Places sources, targets;
};

// fp32: clip(left + right, low, high); int8: round(left * ratio + right * ratio + offset).
struct Add {
  Shape shape;
  Word border;
  int planes;
  float left_ratio, right_ratio, offset, low, high;
  Places left, right, targets;
};

// The following know fp32 only; detectors of faces are made of them.

// Levels of coloured pixels become slope * level + offset, divided by the parity of row and column:
// a convolution at every other pixel then is one at every pixel of these planes.
struct Picture {
  static constexpr int kColours = 3, kParts = 2, kPlanes = kColours * kParts * kParts;

  Shape shape;  // of a part
  Word border;
  float slope, offset;
  Places targets;  // [colours][row parity][column parity]

  EC_INLINE Word target(int colour, int row, int column) const {
    return targets[(colour * kParts + row) * kParts + column];
  }
};

// fp32: clip(bias + sum weight * source, low, high) of each plane for itself, with a window of 3x3
// from (top, left) on, at every pixel or at every other one.
struct Depthwise {
  static constexpr int kWindow = 3, kTaps = kWindow * kWindow;

  Shape from, to;
  Word border;
  int step, top, left, planes;
  float low, high;
  Places sources, targets;
  const float *weights, *bias;  // [planes][3][3], [planes]

  EC_INLINE bool bounded() const {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    return low > -kInfinity || high < kInfinity;
  }
};

// A convolution of 1x1 most of whose weights may be zero: for each output those that are not. To the
// first outputs planes may be added, which may be the ones that they go to.
struct Pointwise {
  Shape shape;
  Word border;
  int inputs, outputs, terms, added;
  float low, high;
  Places sources, adds, targets;
  const Word *counts, *inputs_of;  // [outputs] terms each; [terms] index of the source
  const float *weights, *bias;     // [terms], [outputs]
  const Word* reads;               // [terms] where the source is; made when the program is opened

  EC_INLINE bool capped() const { return high < std::numeric_limits<float>::infinity(); }
};

// A depthwise convolution and one of 1x1 of its results, which never leave the nearest caches.
struct Separable {
  static constexpr int kRoom = 1 << 15;  // words for the results between the two
  static constexpr int kEnough = 1 << 14;  // of them are used, if four rows take no more
  static constexpr int kRows = 4;

  Depthwise depth;  // its targets are not used
  Pointwise point;  // its sources are not used

  // Words from a plane to the next: an odd number of lines, so that all of a cache is made use of.
  EC_INLINE int apart(int rows) const {
    return round_up(rows * depth.to.stride(), kAlign) / kAlign / 2 * 2 * kAlign + kAlign;
  }

  // Rows that are computed at once.
  EC_INLINE int band() const {
    int rows = kRows;
    while (rows < depth.to.height && depth.planes * apart(rows + kRows) <= kEnough) rows += kRows;
    while (rows > 1 && depth.planes * apart(rows) + kAlign > kRoom) rows /= 2;
    return rows;
  }
};

// Twice the height and width, between the centres of the pixels. Planes may be added.
struct Enlarge {
  Shape from, to;
  Word border;
  int planes, added;  // added: none, or all
  Places sources, adds, targets;
};

// A coloured picture, to be averaged down by a whole number and brought into the middle of a black
// square, between whose pixels values are interpolated. It is rounded as OpenCV rounds, so that
// detectors see the same. A pixel has three bytes.
struct View {
  static constexpr int kColours = 3;
  static constexpr int kBits = 5;  // of the fraction of a place

  const std::uint8_t* pixels;
  std::int64_t stride;  // bytes from one row to the next
  int height, width;    // after averaging
  int shrink;           // at most 256, so that 16 bits hold the sum of so many bytes

  EC_INLINE int row() const { return kColours * shrink * width; }  // bytes that are looked at

  // Where a pixel of the square is in the averaged picture, along one axis.
  EC_INLINE int place(int pixel, int side, int length) const {
    constexpr int kFine = 5;  // more bits of what is added up
    const int longer = height > width ? height : width;
    const double unit = 1 << (kBits + kFine);
    const double start = (length - longer) * 0.5 * unit;
    const double way = pixel * (static_cast<double>(longer) / side) * unit;
    return (static_cast<int>(start) + (1 << (kFine - 1)) + static_cast<int>(way + 0.5)) >> kFine;
  }

  // Words that are needed meanwhile: averages of a row, and what they are made of.
  std::int64_t room() const { return 2 * (static_cast<std::int64_t>(row()) + kAlign); }
};

// How the outputs of a convolution are divided: evenly, in multiples of a plane's channels.
struct Blocks {
  int outputs, unit, most;

  EC_INLINE int count() const { return (outputs + most - 1) / most; }
  EC_INLINE int begin(int block) const { return outputs / unit * block / count() * unit; }
};

// The kernels of one precision for one kind of processor.
struct Kernels {
  const char* path;  // name of the kind
  int unit;          // channels in a plane
  int most;          // outputs of a convolution at once
  int source_bias;   // what the kernels subtract from every byte that they convolve
  void (*convolve)(const Convolution&, Word* arena);
  void (*pool)(const Pool&, Word* arena);
  void (*mean)(const Mean&, const Word* arena, float* values);
  void (*scale)(const Scale&, Word* arena, const float* values);
  void (*add)(const Add&, Word* arena);
  void (*depthwise)(const Depthwise&, Word* arena);  // these of fp32 only, else null
  void (*pointwise)(const Pointwise&, Word* arena);
  void (*separable)(const Separable&, Word* arena, Word* room);
  void (*enlarge)(const Enlarge&, Word* arena);
  void (*letterbox)(const View&, const Picture&, Word* arena, Word* room);
};

}  // namespace ec_rfernet
