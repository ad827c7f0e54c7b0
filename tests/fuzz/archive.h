#pragma once

#include <caffe2/serialize/inline_container.h>

#include <initializer_list>
#include <string_view>
#include <utility>

#include "fuzz/input.h"

namespace attnviz::fuzz {

/// Writes an archive of these records, as LibTorch writes it.
inline void write_archive(FileInMemory& file,
                          std::initializer_list<std::pair<const char*, std::string_view>> records) {
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, std::size_t size) {
    file.write({static_cast<const char*>(data), size});
    return size;
  });
  for (const auto& [name, bytes] : records) archive.writeRecord(name, bytes.data(), bytes.size());
  archive.writeEndOfFile();
}

/// The bytes of 16 numbers, as data/0 that tensors look at.
inline std::string_view some_numbers() {
  static constexpr float kNumbers[16] = {1, 2, 3, 4};
  return {reinterpret_cast<const char*>(kNumbers), sizeof kNumbers};
}

}  // namespace attnviz::fuzz
