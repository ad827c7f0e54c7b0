#pragma once

#include <string_view>

// One function for each kind of input that comes from outside. Whatever the bytes are, it returns:
// what the library throws for bad input is fine, as long as it is an attnviz::Error of one line. A
// crash, a hang, another exception, or an answer that is not right is a finding (it aborts).
namespace attnviz::fuzz {

void tokenizer(std::string_view bytes);    ///< a text, and ids: its bytes, two each
void vocabulary(std::string_view bytes);   ///< vocab.json, NUL, merges.txt
void safetensors(std::string_view bytes);  ///< a file: weights, a snapshot
void numpy(std::string_view bytes);        ///< a file: .npy or .npz
void attention(std::string_view bytes);    ///< a byte of options, and a file of attention
void pickle(std::string_view bytes);       ///< data.pkl in an archive of torch.save
void contents(std::string_view bytes);     ///< code, NUL, data.pkl in an archive of TorchScript
void picture(std::string_view bytes);      ///< a PNG; or names and texts, a line each, of one
void json(std::string_view bytes);         ///< a letter for the kind of file, and the file
void arguments(std::string_view bytes);    ///< of the command line, a line each
void figure(std::string_view bytes);       ///< sizes and options, and then title and labels

struct Target {
  const char* name;  ///< of its folder in corpus/, too
  void (*run)(std::string_view bytes);
};

inline constexpr Target kTargets[] = {
    {"tokenizer", tokenizer}, {"vocabulary", vocabulary}, {"safetensors", safetensors},
    {"numpy", numpy},         {"attention", attention},   {"pickle", pickle},
    {"contents", contents},   {"picture", picture},       {"json", json},
    {"arguments", arguments}, {"figure", figure},
};

}  // namespace attnviz::fuzz
