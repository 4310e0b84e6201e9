// The paths: the same kernels, compiled for several kinds of processors.
#pragma once

#include <string>
#include <vector>

#include "operations.hpp"

namespace ec_rfernet {

enum class Precision { kFp32 = 0, kInt8 = 1 };

extern const Kernels portable_fp32, portable_int8;
extern const Kernels avx2_fp32, avx2_int8, avx512_fp32, avx512_int8;
extern const Kernels neon_dot_fp32, neon_dot_int8;

// Names of the paths that this processor can take, the fastest first.
const std::vector<std::string>& paths();

// The kernels of one of `paths`. Throws std::invalid_argument for any other name.
const Kernels& find_kernels(const std::string& path, Precision precision);

}  // namespace ec_rfernet
