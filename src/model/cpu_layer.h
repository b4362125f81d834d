#pragma once
// The decoder layer with CPU kernels on prepared weights. A token's result does not depend on the
// other sequences of the batch, to the last bit.

#include "decoder_layer.h"

namespace retmask {

// Moves the matrices out of `parameters`.
std::shared_ptr<const DecoderLayer> make_cpu_layer(const LayerShape& shape,
                                                   const LayerParameters& parameters);

}  // namespace retmask
