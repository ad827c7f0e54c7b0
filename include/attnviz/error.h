#pragma once

#include <stdexcept>
#include <string>

namespace attnviz {

/// Every error this library throws. what() is one line that a person can act on: what is wrong,
/// with what, and what to do. Names in it may come from a hostile file: control characters, which
/// would break the line or command the terminal, stand there as \xNN. Exceptions of other
/// libraries never leave a room of src/.
struct Error : std::runtime_error {
  explicit Error(const std::string& message);
};

struct UsageError : Error {
  using Error::Error;
};  ///< an argument that can never work
struct FileError : Error {
  using Error::Error;
};  ///< reading or writing a file
struct TextError : Error {
  using Error::Error;
};  ///< a text that cannot be tokenized
struct VocabularyError : Error {
  using Error::Error;
};  ///< vocab.json or merges.txt
struct ModelError : Error {
  using Error::Error;
};  ///< a model, or ids that it cannot take
/// A model that calls an operator which neither this LibTorch nor attnviz has.
struct MissingOperatorError : ModelError {
  using ModelError::ModelError;
};
struct ShapeError : Error {
  using Error::Error;
};  ///< a tensor of another shape or dtype
struct FigureError : Error {
  using Error::Error;
};  ///< a figure that cannot be drawn

}  // namespace attnviz
