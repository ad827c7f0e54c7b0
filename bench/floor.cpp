// What LibTorch alone costs: loads it, loads a model, one full forward pass of 11 tokens, and
// writes three blank PNGs of the sizes that attnviz's have. It ends as fast as attnviz does. Usage:
// floor MODEL.pt FOLDER
#include <spng.h>
#include <torch/script.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void write_blank(const std::string& path, std::uint32_t width, std::uint32_t height) {
  spng_ctx* png = spng_ctx_new(SPNG_CTX_ENCODER);
  FILE* file = std::fopen(path.c_str(), "wb");
  spng_set_png_file(png, file);
  spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 1);
  spng_ihdr header{width, height, 8, SPNG_COLOR_TYPE_GRAYSCALE, 0, 0, 0};
  spng_set_ihdr(png, &header);
  const std::vector<unsigned char> pixels(std::size_t{width} * height, 255);
  spng_encode_image(png, pixels.data(), pixels.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  spng_ctx_free(png);
  std::fclose(file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  torch::NoGradGuard no_grad;
  torch::jit::Module model = torch::jit::load(argv[1]);
  model.eval();
  const at::Tensor ids =
      torch::tensor({2514, 307, 393, 407, 284, 307, 11, 326, 318, 262, 1808}).unsqueeze(0);
  model.forward({ids});
  const std::string folder = argv[2];
  write_blank(folder + "/grid.png", 3000, 2250);
  write_blank(folder + "/averages.png", 2250, 1500);
  write_blank(folder + "/last.png", 1800, 1200);
  std::_Exit(0);
}
