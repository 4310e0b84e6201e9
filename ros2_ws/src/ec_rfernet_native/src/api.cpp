// What Python calls. No exception leaves; a network is used by one thread at a time.
#include <algorithm>
#include <cstring>
#include <exception>

#include "network.hpp"

using namespace ec_rfernet;

#define EC_API extern "C" __attribute__((visibility("default")))

// Names of the paths that this processor can take, the fastest first, separated by spaces.
EC_API const char* ec_rfernet_paths() {
  static const std::string names = [] {
    std::string joined;
    for (const std::string& name : paths()) joined += (joined.empty() ? "" : " ") + name;
    return joined;
  }();
  return names.c_str();
}

// Makes a program ready to run. Null if that cannot be, with one sentence in `error`.
EC_API void* ec_rfernet_open(
    const char* path, const std::int32_t* words, std::int64_t count, char* error,
    std::int64_t room) {
  try {
    Program program = parse(std::vector<Word>(words, words + count));
    const Kernels& kernels = find_kernels(path, program.precision);
    return new Network(std::move(program), kernels);
  } catch (const std::exception& problem) {
    std::strncpy(error, problem.what(), static_cast<std::size_t>(room) - 1);
    error[room - 1] = '\0';
    return nullptr;
  }
}

// Channels of a pixel: 1 of grey ones, 3 of coloured ones.
EC_API std::int64_t ec_rfernet_colours(void* network) {
  return static_cast<Network*>(network)->colours();
}

// Results float [images][labels] of pixels [images][side][side][colours].
EC_API void ec_rfernet_run(
    void* network, const std::uint8_t* pixels, std::int64_t images, float* logits) {
  static_cast<Network*>(network)->run(pixels, static_cast<int>(images), logits);
}

// Results float [labels] of a coloured picture of [height * shrink][width * shrink] pixels, averaged
// down and in the middle of a black square. `stride` bytes lie between its rows. 0: lack of memory.
EC_API std::int64_t ec_rfernet_look(
    void* network, const std::uint8_t* pixels, std::int64_t stride, std::int64_t height,
    std::int64_t width, std::int64_t shrink, float* logits) {
  const View view{
      pixels, stride, static_cast<int>(height), static_cast<int>(width), static_cast<int>(shrink)};
  try {
    static_cast<Network*>(network)->look(view, logits);
    return 1;
  } catch (const std::exception&) {
    return 0;
  }
}

EC_API void ec_rfernet_close(void* network) { delete static_cast<Network*>(network); }
