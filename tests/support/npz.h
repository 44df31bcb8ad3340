/* Reads .npz archives of stored (uncompressed) arrays, as numpy.savez writes them. */
#pragma once

#include "core/tensor/tensor.h"

/* Arrays in archive order. GPtrArray of GonioTensor*; NULL and an error when the file is
 * something else. out_names: nullable, their names without ".npy" (transfer full). */
GPtrArray *gonio_npz_load (const char *path, GPtrArray **out_names, GError **error);
