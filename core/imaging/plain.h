/* Picture files as plain bytes, for models that decode pictures themselves (ONNX ImageDecoder):
 * BMP, JPEG, JPEG 2000, PNG, PBM/PGM/PPM, TIFF, WebP. These are more kinds than
 * gonio_image_load() takes for X-ray images, and DICOM is none of them. Depends on base.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

/* Recognised by content; the first picture of several; upright by EXIF orientation; what is
 * transparent turns black in PNG and is shown as if opaque in WebP. Grey: one byte per pixel,
 * ITU-R BT.601 luma; else three, sRGB in the order red, green, blue. Rows from the top without
 * gaps. (transfer full, g_free). limits: nullable. Thread-safe, blocking. GONIO_IMAGE_ERROR. */
uint8_t *gonio_plain_decode (GBytes *file, gboolean grey, const GonioImageLimits *limits,
                             guint *out_width, guint *out_height, GError **error);

G_END_DECLS
