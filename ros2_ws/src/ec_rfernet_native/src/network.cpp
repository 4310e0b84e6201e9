#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace ec_rfernet {
namespace {

// Sum of the four signed bytes of a word.
Word sum_of_bytes(Word word) {
  Word sum = 0;
  for (int lane = 0; lane < 4; ++lane)
    sum += static_cast<std::int8_t>(static_cast<std::uint32_t>(word) >> (8 * lane));
  return sum;
}

void fill_input(const Input& op, const std::uint8_t* pixels, Word* arena) {
  Word* target = arena + op.target;
  std::fill(target - op.shape.around(), target + op.shape.span() + op.shape.around(), op.border);
  for (int y = 0; y < op.shape.height; ++y) {
    Word* row = target + y * op.shape.stride();
    for (int x = 0; x < op.shape.width; ++x) row[x] = op.elements[*pixels++];
  }
}

void fill_picture(const Picture& op, const std::uint8_t* pixels, Word* arena) {
  Word elements[256];
  for (int level = 0; level < 256; ++level) {
    const float value = op.slope * static_cast<float>(level) + op.offset;
    std::memcpy(elements + level, &value, sizeof(value));
  }
  for (int i = 0; i < op.kPlanes; ++i) {
    Word* target = arena + op.targets[i];
    std::fill(target - op.shape.around(), target + op.shape.span() + op.shape.around(), op.border);
  }
  for (int y = 0; y < op.kParts * op.shape.height; ++y)
    for (int x = 0; x < op.kParts * op.shape.width; ++x)
      for (int colour = 0; colour < op.kColours; ++colour)
        arena[op.target(colour, y % op.kParts, x % op.kParts) +
              y / op.kParts * op.shape.stride() + x / op.kParts] = elements[*pixels++];
}

void read(const Reading& op, const Word* arena, float* values) {
  float* next = values + op.result;
  for (int i = 0; i < op.planes; ++i)
    for (int y = 0; y < op.shape.height; ++y, next += op.shape.width)
      std::memcpy(
          next, arena + op.sources[i] + y * op.shape.stride(), sizeof(float) * op.shape.width);
}

// One pixel of one block.
void regress_pixel(const Regression& op, const Word* arena, int block, int y, int x, float* values) {
  const int outputs = op.blocks * op.each, first = block * op.each;
  float sums[Regression::kMostEach], mixed[Regression::kMostEach];
  std::copy_n(op.bias + first, op.each, sums);
  for (int tap = 0; tap < op.kTaps; ++tap) {
    const int row = op.kStep * y + op.top + tap / op.kWindow;
    const int column = op.kStep * x + op.left + tap % op.kWindow;
    if (row < 0 || row >= op.from.height || column < 0 || column >= op.from.width) continue;
    std::copy_n(op.mix_bias + first, op.each, mixed);
    for (int i = 0; i < op.inputs; ++i) {
      float value;
      std::memcpy(&value, arena + op.sources[i] + row * op.from.stride() + column, sizeof(value));
      const float* weights = op.mix + static_cast<std::size_t>(i) * outputs + first;
      for (int k = 0; k < op.each; ++k) mixed[k] += value * weights[k];
    }
    for (int k = 0; k < op.each; ++k) sums[k] += op.windows[(first + k) * op.kTaps + tap] * mixed[k];
  }
  for (int k = 0; k < op.each; ++k)
    values[op.result + ((first + k) * op.to.height + y) * op.to.width + x] = sums[k];
}

void regress(const Regression& op, const Word* arena, float* values) {
  const int pixels = op.to.height * op.to.width;
  std::fill_n(values + op.result, op.blocks * op.each * pixels, 0.0f);
  const float* score = values + op.scores;
  for (int block = 0; block < op.blocks; ++block)
    for (int pixel = 0; pixel < pixels; ++pixel)
      if (*score++ >= op.least)
        regress_pixel(op, arena, block, pixel / op.to.width, pixel % op.to.width, values);
}

void multiply(const Dense& op, float* values) {
  for (int o = 0; o < op.outputs; ++o) {
    const float* weights = op.weights + static_cast<std::size_t>(o) * op.inputs;
    float sum = op.bias[o];
    for (int i = 0; i < op.inputs; ++i) sum += weights[i] * values[op.first + i];
    values[op.result + o] = op.rounding(std::min(std::max(sum, op.low), op.high));
  }
}

void follow(const Line& op, float* values) {
  for (int i = 0; i < op.count; ++i) {
    const float value = op.slope * values[op.first + i] + op.offset;
    values[op.result + i] = op.rounding(std::min(std::max(value, op.low), op.high));
  }
}

Word* allocate(std::size_t words) {
  constexpr std::size_t kLine = 64;  // of the cache
  const std::size_t size = (words * sizeof(Word) + kLine - 1) / kLine * kLine;
  void* memory = std::aligned_alloc(kLine, size);
  if (!memory) throw std::bad_alloc();
  std::memset(memory, 0, size);
  return static_cast<Word*>(memory);
}

template <class Any>
std::size_t packed_size(const Any&) {
  return 0;
}

std::size_t packed_size(const Convolution& op) {
  return static_cast<std::size_t>(op.inputs + 1) * op.outputs;
}

std::size_t packed_size(const Pointwise& op) { return op.terms; }

std::size_t packed_size(const Separable& op) { return packed_size(op.point); }

}  // namespace

float Rounding::operator()(float value) const {
  if (step == 0) return value;
  const float byte = std::nearbyint(value / step) + zero;
  return (std::min(std::max(byte, 0.0f), 255.0f) - zero) * step;
}

void Network::Free::operator()(void* memory) const { std::free(memory); }

Network::Network(Program program, const Kernels& kernels)
    : program_(std::move(program)), kernels_(kernels), values_(program_.values) {
  arena_ = round_up(program_.arena, kAlign);
  std::size_t size = arena_ + Separable::kRoom + kAlign;
  for (const Operation& operation : program_.operations)
    size += std::visit([](const auto& op) { return packed_size(op); }, operation);
  memory_.reset(allocate(size));
  Word* next = memory_.get() + arena_ + Separable::kRoom + kAlign;
  for (Operation& operation : program_.operations)
    if (auto* op = std::get_if<Convolution>(&operation)) {
      next = pack(*op, next);
    } else if (auto* point = std::get_if<Pointwise>(&operation)) {
      next = pack(*point, next, [=](Word input) { return point->sources[input]; });
    } else if (auto* both = std::get_if<Separable>(&operation)) {
      const int apart = both->apart(both->band());
      next = pack(both->point, next, [=](Word input) { return input * apart; });
    }
}

// Where the terms are read, from ``to`` on; returns where they end.
template <class Place>
Word* Network::pack(Pointwise& op, Word* to, Place place) const {
  op.reads = to;
  return std::transform(op.inputs_of, op.inputs_of + op.terms, to, place);
}

// Weights and biases as the kernels want them, from ``to`` on; returns where they end.
Word* Network::pack(Convolution& op, Word* to) const {
  const std::size_t inputs = op.inputs, outputs = op.outputs;
  const Blocks blocks{op.outputs, kernels_.unit, kernels_.most};
  Word* next = to;
  for (int b = 0; b < blocks.count(); ++b)
    for (std::size_t k = 0; k < inputs; ++k)
      for (int o = blocks.begin(b); o < blocks.begin(b + 1); ++o)
        *next++ = op.weights[k * outputs + o];
  for (std::size_t o = 0; o < outputs; ++o) {
    std::uint32_t bias = op.bias[o];  // unsigned: a senseless program may overflow
    if (kernels_.source_bias != 0)
      for (std::size_t k = 0; k < inputs; ++k)
        bias += static_cast<std::uint32_t>(kernels_.source_bias) *
                static_cast<std::uint32_t>(sum_of_bytes(op.weights[k * outputs + o]));
    next[o] = static_cast<Word>(bias);
  }
  op.weights = to;
  op.bias = next;
  return to + packed_size(op);
}

void Network::run(const std::uint8_t* pixels, int images, float* logits) {
  const std::size_t image =
      static_cast<std::size_t>(program_.side) * program_.side * program_.colours;
  for (int i = 0; i < images; ++i)
    compute(pixels + i * image, nullptr, logits + i * program_.labels);
}

void Network::look(const View& view, float* logits) {
  if (program_.colours != View::kColours) throw std::invalid_argument("it takes grey pixels");
  rows_.resize(static_cast<std::size_t>(view.room()));
  compute(nullptr, &view, logits);
}

// Of pixels, or else of a view.
void Network::compute(const std::uint8_t* pixels, const View* view, float* logits) {
  Word* arena = memory_.get();
  float* values = values_.data();
  struct Step {
    const Kernels& kernels;
    const std::uint8_t* pixels;
    const View* view;
    Word *arena, *room, *rows;
    float* values;

    void operator()(const Input& op) const {
      if (pixels) fill_input(op, pixels, arena);
    }
    void operator()(const Convolution& op) const { kernels.convolve(op, arena); }
    void operator()(const Pool& op) const { kernels.pool(op, arena); }
    void operator()(const Average& op) const {
      kernels.mean(op.mean, arena, values);
      for (int i = 0; i < op.count; ++i)
        values[op.mean.result + i] = op.rounding(values[op.mean.result + i]);
    }
    void operator()(const Scale& op) const { kernels.scale(op, arena, values); }
    void operator()(const Add& op) const { kernels.add(op, arena); }
    void operator()(const Dense& op) const { multiply(op, values); }
    void operator()(const Line& op) const { follow(op, values); }
    void operator()(const Picture& op) const {
      if (view)
        kernels.letterbox(*view, op, arena, rows);
      else
        fill_picture(op, pixels, arena);
    }
    void operator()(const Depthwise& op) const { kernels.depthwise(op, arena); }
    void operator()(const Pointwise& op) const { kernels.pointwise(op, arena); }
    void operator()(const Separable& op) const { kernels.separable(op, arena, room); }
    void operator()(const Enlarge& op) const { kernels.enlarge(op, arena); }
    void operator()(const Reading& op) const { read(op, arena, values); }
    void operator()(const Regression& op) const { regress(op, arena, values); }
  };
  const Step step{kernels_, pixels, view, arena, arena + arena_, rows_.data(), values};
  for (const Operation& operation : program_.operations) std::visit(step, operation);
  std::copy_n(values + program_.logits, program_.labels, logits);
}

}  // namespace ec_rfernet
