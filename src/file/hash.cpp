#include <openssl/evp.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

#include "attnviz/error.h"
#include "attnviz/file.h"

namespace attnviz {

std::string sha256_of_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash(EVP_MD_CTX_new(),
                                                                     EVP_MD_CTX_free);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  bool is_fine = hash && EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> bytes(1 << 20);
  while (is_fine && in) {
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    is_fine =
        EVP_DigestUpdate(hash.get(), bytes.data(), static_cast<std::size_t>(in.gcount())) == 1;
  }
  if (in.bad()) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  if (!is_fine || EVP_DigestFinal_ex(hash.get(), digest.data(), &size) != 1) {
    throw FileError("cannot hash " + path.string());
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace attnviz
