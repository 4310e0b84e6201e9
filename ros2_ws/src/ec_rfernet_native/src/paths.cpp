#include "paths.hpp"

#include <stdexcept>

#ifdef __aarch64__
#include <sys/auxv.h>
#endif

namespace ec_rfernet {
namespace {

struct Path {
  const Kernels *fp32, *int8;
};

std::vector<Path> usable() {
  std::vector<Path> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512vnni"))
    found.push_back({&avx512_fp32, &avx512_int8});
  if (avx2) found.push_back({&avx2_fp32, &avx2_int8});
#elif defined(__aarch64__)
  constexpr unsigned long kDotProduct = 1ul << 20;  // Linux's HWCAP_ASIMDDP
  if (getauxval(AT_HWCAP) & kDotProduct) found.push_back({&neon_dot_fp32, &neon_dot_int8});
#endif
  found.push_back({&portable_fp32, &portable_int8});
  return found;
}

}  // namespace

const std::vector<std::string>& paths() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> found;
    for (const Path& path : usable()) found.emplace_back(path.fp32->path);
    return found;
  }();
  return names;
}

const Kernels& find_kernels(const std::string& path, Precision precision) {
  std::string known;
  for (const Path& candidate : usable()) {
    const Kernels& kernels = precision == Precision::kFp32 ? *candidate.fp32 : *candidate.int8;
    if (path == kernels.path) return kernels;
    known += known.empty() ? "" : ", ";
    known += kernels.path;
  }
  throw std::invalid_argument("path is '" + path + "', this processor has " + known);
}

}  // namespace ec_rfernet
