// Reads programs. They come from `ec_rfernet.kernels.operations` in Python, but nothing is taken on
// trust: every place that an operation touches is checked here, once.
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "network.hpp"

namespace ec_rfernet {
namespace {

constexpr Word kMagic = 0x45435246;
constexpr Word kVersion = 1;
constexpr Word kMostWords = 1 << 22;  // of memory; the largest of our networks has a quarter
constexpr Word kMostCount = 1 << 16;

class Reader {
 public:
  explicit Reader(const std::vector<Word>& words)
      : begin_(words.data()), next_(begin_), end_(begin_ + words.size()) {}

  bool done() const { return next_ == end_; }

  // A whole number in low..high.
  Word number(const char* name, Word low, Word high) {
    const Word value = *block(1);
    if (value < low || value > high)
      fail(
          std::string(name) + " is " + std::to_string(value) + ", expected " + std::to_string(low) +
          ".." + std::to_string(high));
    return value;
  }

  Word count(const char* name) { return number(name, 1, kMostCount); }

  Word any() { return *block(1); }

  float real(const char* name) {
    const float value = *reals(1);
    if (!std::isfinite(value)) fail(std::string(name) + " is not a finite number");
    return value;
  }

  // A bound, which may be infinite.
  float bound(const char* name) {
    const float value = *reals(1);
    if (std::isnan(value)) fail(std::string(name) + " is not a number");
    return value;
  }

  const Word* block(std::int64_t count) {
    if (count > end_ - next_) fail("the program ends too soon");
    const Word* found = next_;
    next_ += count;
    return found;
  }

  // Float and Word have the same size; the bits were written as floats.
  const float* reals(std::int64_t count) { return reinterpret_cast<const float*>(block(count)); }

  [[noreturn]] void fail(const std::string& problem) const {
    throw std::invalid_argument("word " + std::to_string(next_ - begin_) + ": " + problem);
  }

 private:
  const Word *begin_, *next_, *end_;
};

class Parser {
 public:
  explicit Parser(std::vector<Word> words) : program_(), reader_(program_.words) {
    program_.words = std::move(words);
    reader_ = Reader(program_.words);
  }

  Program parse() {
    reader_.number("magic", kMagic, kMagic);
    reader_.number("version", kVersion, kVersion);
    program_.precision = static_cast<Precision>(reader_.number("precision", 0, 1));
    unit_ = program_.precision == Precision::kInt8 ? 4 : 1;
    program_.arena = reader_.number("arena", 1, kMostWords);
    program_.values = reader_.number("values", 1, kMostWords);
    program_.side = reader_.number("side", 1, kMostSide);
    program_.labels = reader_.count("labels");
    program_.logits = values("logits", program_.labels);
    while (!reader_.done()) program_.operations.push_back(operation());
    return std::move(program_);
  }

 private:
  Operation operation() {
    const Word kind = reader_.number("operation", 0, 14);
    if (kind > 7 && program_.precision != Precision::kFp32)
      reader_.fail("operation " + std::to_string(kind) + " knows fp32 only");
    switch (kind) {
      case 0: return input();
      case 1: return convolution();
      case 2: return pool();
      case 3: return average();
      case 4: return scale();
      case 5: return add();
      case 6: return dense();
      case 7: return line();
      case 8: return picture();
      case 9: return depthwise();
      case 10: return pointwise();
      case 11: return enlarge();
      case 12: return reading();
      case 13: return separable();
      default: return regression();
    }
  }

  Shape shape() {
    const Word height = reader_.number("height", 1, kMostSide);
    return {height, reader_.number("width", 1, kMostSide)};
  }

  // Places from which `before` elements back and `after` on are read.
  Places sources(int count, std::int64_t before, std::int64_t after) {
    const Places places = reader_.block(count);
    for (int i = 0; i < count; ++i)
      if (places[i] < before || places[i] + after > program_.arena)
        reader_.fail("place " + std::to_string(places[i]) + " is outside of the arena");
    return places;
  }

  // Places of planes that are written, with their borders.
  Places planes(int count, const Shape& shape) {
    return sources(count, shape.around(), shape.span() + shape.around());
  }

  // Elements of a plane that whole vectors touch: row by row they may reach farther than its border.
  static std::int64_t reach(const Shape& shape) {
    const std::int64_t rows = (shape.height - 1) * shape.stride();
    return std::max<std::int64_t>(
        shape.span() + shape.around(), rows + round_up(shape.width, kAlign));
  }

  // Index of the first of so many values.
  int values(const char* name, int count) {
    if (count > program_.values) reader_.fail("fewer values than " + std::to_string(count));
    return reader_.number(name, 0, program_.values - count);
  }

  Rounding rounding() {
    const float step = reader_.real("step");
    if (step < 0) reader_.fail("step is negative");
    return {step, reader_.real("zero")};
  }

  Input input() {
    Input op{};
    op.shape = {program_.side, program_.side};
    op.border = reader_.any();
    op.target = *planes(1, op.shape);
    op.elements = reader_.block(256);
    return op;
  }

  Convolution convolution() {
    Convolution op{};
    op.shape = shape();
    op.border = reader_.any();
    op.inputs = reader_.count("inputs");
    op.outputs = reader_.count("outputs");
    if (op.outputs % unit_ != 0) reader_.fail("outputs are not whole planes");
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    op.zero = reader_.real("zero");
    op.sources = sources(op.inputs, 0, op.shape.span());
    op.targets = planes(op.outputs / unit_, op.shape);
    op.weights = reader_.block(static_cast<std::int64_t>(op.inputs) * op.outputs);
    op.bias = reader_.block(op.outputs);
    op.scale = reader_.reals(op.outputs);
    return op;
  }

  Pool pool() {
    Pool op{};
    op.from = shape();
    op.to = shape();
    op.border = reader_.any();
    op.window = reader_.number("window", 1, 3);
    op.top = reader_.number("top", -1, 1);
    op.left = reader_.number("left", -1, 1);
    op.planes = reader_.count("planes");
    const std::int64_t stride = op.from.stride();
    const std::int64_t last = (2 * (op.to.height - 1) + op.top + op.window - 1) * stride;
    op.sources = sources(
        op.planes, -(op.top * stride + op.left),
        last + op.left + op.window + round_up(2 * op.to.width, kAlign));
    op.targets = planes(op.planes, op.to);
    return op;
  }

  Average average() {
    Average op{};
    op.mean.shape = shape();
    op.mean.planes = reader_.count("planes");
    op.mean.scale = reader_.real("scale");
    op.mean.zero = reader_.real("zero");
    op.rounding = rounding();
    op.count = op.mean.planes * unit_;
    op.mean.result = values("result", op.count);
    op.mean.sources = sources(op.mean.planes, 0, op.mean.shape.span());
    return op;
  }

  Scale scale() {
    Scale op{};
    op.shape = shape();
    op.border = reader_.any();
    op.planes = reader_.count("planes");
    op.gains = reader_.number("gains", -1, program_.values);
    if (op.gains >= 0 && op.gains + op.planes * unit_ > program_.values)
      reader_.fail("gains " + std::to_string(op.gains) + " on are outside of the values");
    op.ratio = reader_.real("ratio");
    op.zero = reader_.real("zero");
    op.new_zero = reader_.real("new zero");
    op.sources = sources(op.planes, 0, op.shape.span());
    op.targets = planes(op.planes, op.shape);
    return op;
  }

  Add add() {
    Add op{};
    op.shape = shape();
    op.border = reader_.any();
    op.planes = reader_.count("planes");
    op.left_ratio = reader_.real("ratio");
    op.right_ratio = reader_.real("ratio");
    op.offset = reader_.real("offset");
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    op.left = sources(op.planes, 0, op.shape.span());
    op.right = sources(op.planes, 0, op.shape.span());
    op.targets = planes(op.planes, op.shape);
    return op;
  }

  Dense dense() {
    Dense op{};
    op.inputs = reader_.count("inputs");
    op.first = values("first", op.inputs);
    op.outputs = reader_.count("outputs");
    op.result = values("result", op.outputs);
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    op.rounding = rounding();
    op.weights = reader_.reals(static_cast<std::int64_t>(op.inputs) * op.outputs);
    op.bias = reader_.reals(op.outputs);
    return op;
  }

  Line line() {
    Line op{};
    op.count = reader_.count("count");
    op.first = values("first", op.count);
    op.result = values("result", op.count);
    op.slope = reader_.real("slope");
    op.offset = reader_.real("offset");
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    op.rounding = rounding();
    return op;
  }

  Picture picture() {
    Picture op{};
    if (program_.side % op.kParts != 0) reader_.fail("the side of a picture is odd");
    op.shape = {program_.side / op.kParts, program_.side / op.kParts};
    op.border = reader_.any();
    op.slope = reader_.real("slope");
    op.offset = reader_.real("offset");
    op.targets = planes(op.kPlanes, op.shape);
    program_.colours = op.kColours;
    return op;
  }

  Depthwise depthwise() {
    Depthwise op = windows();
    op.targets = planes(op.planes, op.to);
    return op;
  }

  // All of a depthwise convolution but where its results go.
  Depthwise windows() {
    Depthwise op{};
    op.from = shape();
    op.to = shape();
    op.border = reader_.any();
    op.step = reader_.number("step", 1, 2);
    op.top = reader_.number("top", -1, 1);
    op.left = reader_.number("left", -1, 1);
    op.planes = reader_.count("planes");
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    const std::int64_t stride = op.from.stride(), first = op.top * stride + op.left;
    const std::int64_t rows = op.step * (op.to.height - 1) + op.kWindow;
    op.sources = sources(
        op.planes, -first,
        first + (rows - 1) * stride + op.step * round_up(op.to.width, kAlign) + op.kWindow);
    op.weights = reader_.reals(static_cast<std::int64_t>(op.planes) * op.kTaps);
    op.bias = reader_.reals(op.planes);
    return op;
  }

  Pointwise pointwise() {
    Pointwise op{};
    op.shape = shape();
    op.border = reader_.any();
    op.inputs = reader_.count("inputs");
    op.sources = sources(op.inputs, 0, op.shape.span());
    weigh(op);
    return op;
  }

  // All of a convolution of 1x1 but what it reads.
  void weigh(Pointwise& op) {
    op.outputs = reader_.count("outputs");
    op.added = reader_.number("added", 0, op.outputs);
    op.terms = reader_.number("terms", 0, kMostWords);
    op.low = reader_.bound("low");
    op.high = reader_.bound("high");
    const std::int64_t after = reach(op.shape);
    op.adds = sources(op.added, 0, after);
    op.targets = sources(op.outputs, op.shape.around(), after);
    op.counts = reader_.block(op.outputs);
    std::int64_t terms = 0;
    for (int o = 0; o < op.outputs; ++o) {
      if (op.counts[o] < 0) reader_.fail("a number of terms is negative");
      terms += op.counts[o];
    }
    if (terms != op.terms) reader_.fail("the numbers of terms do not add up");
    op.inputs_of = reader_.block(op.terms);
    for (int k = 0; k < op.terms; ++k)
      if (op.inputs_of[k] < 0 || op.inputs_of[k] >= op.inputs)
        reader_.fail("input " + std::to_string(op.inputs_of[k]) + " is not there");
    op.weights = reader_.reals(op.terms);
    op.bias = reader_.reals(op.outputs);
  }

  Separable separable() {
    Separable op{};
    op.depth = windows();
    if (static_cast<std::int64_t>(op.depth.planes) * op.apart(1) + kAlign > op.kRoom)
      reader_.fail("too many planes for the room between the two");
    op.point.shape = op.depth.to;
    op.point.border = op.depth.border;
    op.point.inputs = op.depth.planes;
    weigh(op.point);
    return op;
  }

  Enlarge enlarge() {
    Enlarge op{};
    op.from = shape();
    op.to = {2 * op.from.height, 2 * op.from.width};
    if (op.to.height > kMostSide || op.to.width > kMostSide) reader_.fail("too large a result");
    op.border = reader_.any();
    op.planes = reader_.count("planes");
    op.added = reader_.number("added", 0, op.planes);
    if (op.added != 0 && op.added != op.planes) reader_.fail("not all planes are added to");
    op.sources = sources(op.planes, 0, reach(op.from));
    op.adds = sources(op.added, 0, reach(op.to));
    op.targets = planes(op.planes, op.to);
    return op;
  }

  Reading reading() {
    Reading op{};
    op.shape = shape();
    op.planes = reader_.count("planes");
    const std::int64_t count =
        static_cast<std::int64_t>(op.planes) * op.shape.height * op.shape.width;
    if (count > program_.values) reader_.fail("fewer values than " + std::to_string(count));
    op.result = values("result", static_cast<int>(count));
    op.sources = sources(op.planes, 0, op.shape.span());
    return op;
  }

  Regression regression() {
    Regression op{};
    op.from = shape();
    op.to = shape();
    op.top = reader_.number("top", -1, 1);
    op.left = reader_.number("left", -1, 1);
    op.inputs = reader_.count("inputs");
    op.blocks = reader_.count("blocks");
    op.each = reader_.number("each", 1, op.kMostEach);
    const std::int64_t pixels = static_cast<std::int64_t>(op.to.height) * op.to.width;
    const std::int64_t outputs = static_cast<std::int64_t>(op.blocks) * op.each;
    if (outputs * pixels > program_.values) reader_.fail("more results than values");
    op.scores = values("scores", static_cast<int>(op.blocks * pixels));
    op.result = values("result", static_cast<int>(outputs * pixels));
    op.least = reader_.bound("least");
    op.sources = sources(op.inputs, 0, op.from.span());
    op.mix = reader_.reals(op.inputs * outputs);
    op.mix_bias = reader_.reals(outputs);
    op.windows = reader_.reals(outputs * op.kTaps);
    op.bias = reader_.reals(outputs);
    return op;
  }

  Program program_;
  Reader reader_;
  int unit_ = 1;
};

}  // namespace

Program parse(std::vector<Word> words) { return Parser(std::move(words)).parse(); }

}  // namespace ec_rfernet
