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
namespace {

class Sha256 {
 public:
  Sha256() : hash_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    require(hash_ && EVP_DigestInit_ex(hash_.get(), EVP_sha256(), nullptr) == 1);
  }

  void add(std::string_view bytes) {
    require(EVP_DigestUpdate(hash_.get(), bytes.data(), bytes.size()) == 1);
  }

  std::string digits() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    require(EVP_DigestFinal_ex(hash_.get(), digest.data(), &size) == 1);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (unsigned int i = 0; i < size; ++i) {
      text += kDigits[digest[i] >> 4];
      text += kDigits[digest[i] & 15];
    }
    return text;
  }

 private:
  static void require(bool is_fine) {
    if (!is_fine) throw FileError("OpenSSL gives no SHA-256");
  }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash_;
};

}  // namespace

std::string sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.add(bytes);
  return hash.digits();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  Sha256 hash;
  std::vector<char> bytes(1 << 20);
  while (in) {
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    hash.add({bytes.data(), static_cast<std::size_t>(in.gcount())});
  }
  if (in.bad()) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  return hash.digits();
}

std::string base64_of(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3), '\0');
  // OpenSSL puts a NUL after the text, where std::string has its own.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return text;
}

}  // namespace attnviz
