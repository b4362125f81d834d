#pragma once
// Error types. Libraries throw them; only main.cpp catches them.

#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace retmask {

// The user's mistake: bad flags, files or data. One line: what, where, what was expected, what to
// do. Exit code 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The disk is full or fails: not the user's mistake, and the same command resumes once it is fixed.
// One line. Exit code 1.
class StorageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A bug in retmask or a failing device. Exit code 1.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}
}  // namespace detail

// Throws UserError with the parts streamed one after another.
template <typename... Parts>
[[noreturn]] void user_error(const Parts&... parts) {
  throw UserError(detail::concat(parts...));
}

// For a file that cannot be written. `error_number` is the errno: a StorageError if there is no
// space or the device fails, otherwise a UserError.
template <typename... Parts>
[[noreturn]] void write_error(int error_number, const Parts&... parts) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:  // file system limit, or `ulimit -f`
    case EIO:
      throw StorageError(detail::concat(parts...));
    default:
      user_error(parts...);
  }
}

// The result of `work`. The message of a UserError thrown by it gets the prefix `where`
// ("rows.jsonl:7").
template <typename Work>
auto at_place(const std::string& where, const Work& work) {
  try {
    return work();
  } catch (const UserError& error) {
    if (std::string_view(error.what()).starts_with(where)) throw;
    throw UserError(where + ": " + error.what());
  }
}

}  // namespace retmask

// Checks an internal invariant. The message is streamed: RETMASK_CHECK(a == b, "a is ", a).
#define RETMASK_CHECK(condition, ...)                                                            \
  do {                                                                                           \
    if (!(condition)) {                                                                          \
      throw ::retmask::InternalError(::retmask::detail::concat(__FILE__,                         \
                                                               ":",                              \
                                                               __LINE__,                         \
                                                               ": ",                             \
                                                               #condition,                       \
                                                               " does not hold. " __VA_OPT__(, ) \
                                                                   __VA_ARGS__));                \
    }                                                                                            \
  } while (false)
