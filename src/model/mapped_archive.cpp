#include "model/mapped_archive.h"

#include <c10/core/CPUAllocator.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <fcntl.h>
#include <sys/mman.h>
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

int opened(const std::filesystem::path& path) {
  const int number = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (number < 0) throw FileError("cannot read " + path.string() + ": " + std::strerror(errno));
  return number;
}

/// Where the records of a file lie, and the memory that was last made for one of them.
class Records {
 public:
  explicit Records(const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& file) {
    try {
      caffe2::serialize::PyTorchStreamReader reader(file);
      for (const std::string& name : reader.getAllRecords()) {
        starts_.push_back(reader.getRecordOffset(name));
      }
    } catch (const std::exception&) {
      starts_.clear();  // an archive that LibTorch may yet load: its records are copied
    }
    std::sort(starts_.begin(), starts_.end());
    starts_.push_back(file->size());
  }

  /// Memory for the next record of n bytes, as far from the start of a page as the record is in the
  /// file. LibTorch does not say which record it allocates for; where the guess is wrong, the
  /// record is copied.
  c10::DataPtr place(std::size_t n) {
    auto pages = std::make_unique<Pages>(n + page_size());
    data_ = static_cast<char*>(pages->start) + next_of(n) % page_size();
    size_ = n;
    return {data_, pages.release(), &Pages::free, c10::DeviceType::CPU};
  }

  /// Whether n bytes from a place in the file may be mapped to `buffer`.
  [[nodiscard]] bool fit(std::uint64_t position, const void* buffer, std::size_t n) const {
    return buffer == data_ && n == size_ &&
           reinterpret_cast<std::uintptr_t>(buffer) % page_size() == position % page_size();
  }

 private:
  /// Where it begins; what follows it is the header of the one after. LibTorch aligns its records,
  /// and computes on what is aligned: elsewhere records are copied.
  std::size_t next_of(std::size_t n) {
    constexpr std::size_t kLongestHeader = 4096, kAlignment = 64;
    for (std::size_t tried = 0; tried + 1 < starts_.size(); ++tried) {
      const std::size_t i = (next_ + tried) % (starts_.size() - 1);
      const std::size_t room = starts_[i + 1] - starts_[i];
      if (room < n || room - n > kLongestHeader || starts_[i] % kAlignment != 0) continue;
      next_ = i + 1;
      return starts_[i];
    }
    return 0;
  }

  std::vector<std::size_t> starts_;  // and the file's end
  std::size_t next_ = 0;
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Of the archive that this thread loads; null while it loads none.
thread_local Records* loading = nullptr;

}  // namespace

struct MappedArchive::File : caffe2::serialize::ReadAdapterInterface {
  std::filesystem::path path;
  int number;
  FileVersion version;

  explicit File(std::filesystem::path file)
      : path(std::move(file)), number(opened(path)), version(version_of(number, path)) {}
  ~File() override { ::close(number); }

  [[nodiscard]] std::size_t size() const override { return std::size_t(version.size); }

  std::size_t read(std::uint64_t position, void* buffer, std::size_t n,
                   const char* /*what*/ = "") const override {
    auto* to = static_cast<char*>(buffer);
    if (loading == nullptr || !loading->fit(position, buffer, n)) return copy(position, to, n);
    const std::size_t head = (page_size() - position % page_size()) % page_size();
    const std::size_t middle = (n - head) / page_size() * page_size();
    if (!map(position + head, to + head, middle)) return copy(position, to, n);
    return copy(position, to, head) + middle +
           copy(position + head + middle, to + head + middle, n - head - middle);
  }

 private:
  /// Mapped elsewhere first and then moved: where the system has no mapping left, what lies there
  /// stays.
  bool map(std::uint64_t position, char* to, std::size_t n) const {
    void* pages = ::mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, number, off_t(position));
    if (pages == MAP_FAILED) return false;
    if (::mremap(pages, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED) return true;
    ::munmap(pages, n);
    return false;
  }

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

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winconsistent-missing-override"
#endif
/// The usual allocator, but for the large tensors of a thread that loads an archive. Put in place
/// by the first archive and left there, for ever: tensors that can grow remember who made them.
class PlacingAllocator : public c10::Allocator {
 public:
  static void install() {
    static auto* const allocator = new PlacingAllocator;
    (void)allocator;
  }

  [[nodiscard]] c10::DeleterFnPtr raw_deleter() const override { return usual_->raw_deleter(); }
  // From LibTorch 2.1 on these are no longer const: one of the two overrides.
  c10::DataPtr allocate(std::size_t n) const { return make(n); }  // NOLINT
  c10::DataPtr allocate(std::size_t n) { return make(n); }        // NOLINT
  void copy_data(void* to, const void* from, std::size_t n) const { std::memcpy(to, from, n); }

 private:
  PlacingAllocator() : usual_(c10::GetCPUAllocator()) { c10::SetCPUAllocator(this); }

  [[nodiscard]] c10::DataPtr make(std::size_t n) const {
    if (loading == nullptr || n < kLargeRecord) return usual_->allocate(n);
    return loading->place(n);
  }

  c10::Allocator* usual_;
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/// While it lives, this thread's large tensors are placed.
class Placing {
 public:
  explicit Placing(Records& records) {
    PlacingAllocator::install();
    loading = &records;
  }
  ~Placing() { loading = nullptr; }
  Placing(const Placing&) = delete;
};

}  // namespace

MappedArchive::MappedArchive(const std::filesystem::path& path)
    : file_(std::make_shared<File>(path)) {}
MappedArchive::~MappedArchive() = default;

const FileVersion& MappedArchive::version() const {
  return file_->version;
}

torch::jit::Module MappedArchive::load(const at::Device& device) {
  Records records(file_);
  const Placing placing(records);
  return torch::jit::load(std::shared_ptr<caffe2::serialize::ReadAdapterInterface>(file_), device);
}

void MappedArchive::require_unchanged() const {
  if (version_of(file_->number, file_->path) == file_->version) return;
  throw ModelError(file_->path.string() +
                   " was written to while it was in use, and nothing computed from it can be "
                   "trusted; run it again when the file is whole");
}

}  // namespace attnviz
