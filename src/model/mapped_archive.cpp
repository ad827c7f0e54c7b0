#include "model/mapped_archive.h"

#include <c10/core/CPUAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <torch/script.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "attnviz/error.h"

namespace attnviz {
namespace {

/// Smaller records are copied: a mapping of their own would cost more.
constexpr std::size_t kLargeRecord = std::size_t{1} << 18;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

/// Address space of whole pages, empty until it is written to or files are put in its place.
struct Pages {
  void* start;
  std::size_t size;

  explicit Pages(std::size_t bytes)
      : start(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
        size(bytes) {
    if (start == MAP_FAILED) throw std::bad_alloc();
  }
  ~Pages() { ::munmap(start, size); }
  Pages(const Pages&) = delete;

  static void free(void* pages) { delete static_cast<Pages*>(pages); }
};

}  // namespace

struct MappedArchive::File : caffe2::serialize::ReadAdapterInterface {
  std::filesystem::path path;
  int number;
  struct stat first {};

  explicit File(std::filesystem::path file)
      : path(std::move(file)), number(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number < 0 || ::fstat(number, &first) != 0) {
      throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
    }
  }
  ~File() override {
    if (number >= 0) ::close(number);
  }

  [[nodiscard]] std::size_t size() const override { return std::size_t(first.st_size); }

  std::size_t read(std::uint64_t position, void* buffer, std::size_t n,
                   const char* /*what*/ = "") const override {
    auto* to = static_cast<char*>(buffer);
    const auto misfit = (reinterpret_cast<std::uintptr_t>(to) - position) % page_size();
    if (n < kLargeRecord || misfit != 0) return copy(position, to, n);
    const std::size_t head = (page_size() - position % page_size()) % page_size();
    const std::size_t middle = (n - head) / page_size() * page_size();
    if (::mmap(to + head, middle, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, number,
               off_t(position + head)) == MAP_FAILED) {
      return copy(position, to, n);
    }
    return copy(position, to, head) + middle +
           copy(position + head + middle, to + head + middle, n - head - middle);
  }

 private:
  std::size_t copy(std::uint64_t position, char* to, std::size_t n) const {
    std::size_t done = 0;
    while (done < n) {
      const ssize_t got = ::pread(number, to + done, n - done, off_t(position + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += std::size_t(got);
    }
    return done;
  }
};

namespace {

/// While it lives, large tensors lie where the file's pages fit: as far from the start of a page as
/// the next record of that size does in the file. LibTorch does not say which record it allocates
/// for; where the guess is wrong, the record is copied.
class PlacingAllocator : public c10::Allocator {
 public:
  explicit PlacingAllocator(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& file)
      : usual_(c10::GetCPUAllocator()) {
    caffe2::serialize::PyTorchStreamReader reader(file);
    for (const std::string& name : reader.getAllRecords()) {
      starts_.push_back(reader.getRecordOffset(name));
    }
    std::sort(starts_.begin(), starts_.end());
    starts_.push_back(file->size());
    c10::SetCPUAllocator(this);
  }
  ~PlacingAllocator() override { c10::SetCPUAllocator(usual_); }
  PlacingAllocator(const PlacingAllocator&) = delete;

  // From LibTorch 2.1 on these are no longer const: one of the two overrides.
  c10::DataPtr allocate(std::size_t n) const { return place(n); }  // NOLINT
  c10::DataPtr allocate(std::size_t n) { return place(n); }        // NOLINT
  void copy_data(void* to, const void* from, std::size_t n) const { std::memcpy(to, from, n); }

 private:
  [[nodiscard]] c10::DataPtr place(std::size_t n) const {
    if (n < kLargeRecord) return usual_->allocate(n);
    auto pages = std::make_unique<Pages>(n + page_size());
    char* data = static_cast<char*>(pages->start) + guess(n) % page_size();
    return {data, pages.release(), &Pages::free, c10::DeviceType::CPU};
  }

  /// Where the next record that n bytes fill begins in the file; what follows it is the header of
  /// the one after.
  [[nodiscard]] std::size_t guess(std::size_t n) const {
    constexpr std::size_t kLongestHeader = 4096;
    for (std::size_t tried = 0; tried + 1 < starts_.size(); ++tried) {
      const std::size_t i = (next_ + tried) % (starts_.size() - 1);
      const std::size_t room = starts_[i + 1] - starts_[i];
      if (room < n || room - n > kLongestHeader) continue;
      next_ = i + 1;
      return starts_[i];
    }
    return 0;
  }

  c10::Allocator* usual_;
  std::vector<std::size_t> starts_;  // of the records, and the file's end
  mutable std::size_t next_ = 0;
};

}  // namespace

MappedArchive::MappedArchive(const std::filesystem::path& path)
    : file_(std::make_shared<File>(path)) {}
MappedArchive::~MappedArchive() = default;

torch::jit::Module MappedArchive::load(const at::Device& device) {
  const PlacingAllocator placing(file_);
  return torch::jit::load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface>(file_), device);
}

void MappedArchive::require_unchanged() const {
  struct stat now {};
  const auto same_time = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  if (::fstat(file_->number, &now) == 0 && now.st_size == file_->first.st_size &&
      same_time(now.st_mtim, file_->first.st_mtim)) {
    return;
  }
  throw ModelError(file_->path.string() +
                   " was written to while it was in use, and nothing computed from it can be "
                   "trusted; run it again when the file is whole");
}

}  // namespace attnviz
