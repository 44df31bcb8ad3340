/* The reference backend: plain C kernels for every operator and type. The oracle other
 * backends are compared with, the constant folder, and the last fallback.
 * Depends on core/session/backend.h. */
#pragma once

#include "core/session/backend.h"

G_BEGIN_DECLS

/* Single-threaded; claims every node it has a kernel for, in plain layout. */
extern const GonioBackendDef gonio_backend_reference;

/* Decodes a picture file for ImageDecoder: width * height pixels of one byte (grey) or three
 * (red, green, blue), rows from the top. (transfer full, g_free); NULL with an error. Called from
 * any thread. */
typedef uint8_t *(*GonioImageDecode) (GBytes *file, gboolean grey, guint *out_width,
                                      guint *out_height, GError **error);
/* The program's decoder, as the engine knows no picture formats. Without one the operator is
 * refused when it runs. Set it before the first session is made. */
void gonio_reference_set_image_decoder (GonioImageDecode decode);

G_END_DECLS
