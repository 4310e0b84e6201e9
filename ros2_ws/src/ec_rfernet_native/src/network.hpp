// A network that is ready to run.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "operations.hpp"
#include "paths.hpp"

namespace ec_rfernet {

// Grey pixels become elements.
struct Input {
  Shape shape;
  Word border, target;
  const Word* elements;  // of each of the 256 levels
};

// The pixels of planes as values [planes][height][width].
struct Reading {
  Shape shape;
  int planes, result;
  Places sources;
};

// A convolution of 1x1 and a depthwise one of its results, at every other pixel, as values
// [blocks * each][height][width]; those of a block only where its score is high enough, else 0.
struct Regression {
  static constexpr int kStep = 2, kWindow = Depthwise::kWindow, kTaps = Depthwise::kTaps;
  static constexpr int kMostEach = 64;

  Shape from, to;
  int top, left, inputs, blocks, each, scores, result;  // index of the first score, and value
  float least;
  Places sources;
  const float *mix, *mix_bias;      // [inputs][blocks * each], [blocks * each]
  const float *windows, *bias;      // [blocks * each][3][3], [blocks * each]
};

// What a value is after it was written with 8 bits and read again; step 0: the value itself.
struct Rounding {
  float step, zero;

  float operator()(float value) const;
};

// Values = round(clip(weights * values + bias, low, high)).
struct Dense {
  int first, inputs, result, outputs;
  float low, high;
  Rounding rounding;
  const float *weights, *bias;  // [outputs][inputs], [outputs]
};

// Values = round(clip(slope * value + offset, low, high)).
struct Line {
  int first, result, count;
  float slope, offset, low, high;
  Rounding rounding;
};

// Values = round(value).
struct Average {
  Mean mean;
  int count;
  Rounding rounding;
};

using Operation = std::variant<
    Input, Convolution, Pool, Average, Scale, Add, Dense, Line, Picture, Depthwise, Pointwise,
    Enlarge, Reading, Separable, Regression>;

// A program that was checked: nothing it does leaves its arena or its values.
struct Program {
  Precision precision;
  int side, labels, logits;  // of the input; how many, and the index of the first
  int colours = 1;           // of a pixel of the input
  int arena, values;
  std::vector<Word> words;  // what the operations point into
  std::vector<Operation> operations;
};

// Checks a program. Throws std::invalid_argument that says what is wrong, and where.
Program parse(std::vector<Word> words);

class Network {
 public:
  Network(Program program, const Kernels& kernels);

  int colours() const { return program_.colours; }

  // Results float [images][labels] of pixels [images][side][side][colours].
  void run(const std::uint8_t* pixels, int images, float* logits);

  // The results of a picture in a black square. Only of networks that take colours.
  void look(const View& view, float* logits);

 private:
  Word* pack(Convolution& op, Word* to) const;
  template <class Place>
  Word* pack(Pointwise& op, Word* to, Place place) const;
  void compute(const std::uint8_t* pixels, const View* view, float* logits);

  struct Free {
    void operator()(void* memory) const;
  };

  Program program_;
  const Kernels& kernels_;
  std::size_t arena_ = 0;                 // words of it
  std::unique_ptr<Word[], Free> memory_;  // the arena, room for results, then the packed weights
  std::vector<float> values_;
  std::vector<Word> rows_;  // room to look at a picture
};

}  // namespace ec_rfernet
