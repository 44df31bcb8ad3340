/* The readers behind gonio_image_formats(). Private to core/imaging. Depends on base.
 *
 * detect sees the first 4096 bytes or fewer. load gets the whole file; its messages are a clause
 * without the file's name, which gonio_image_load() puts in front.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

#define GONIO_DECLARE_FORMAT(name)                                                                 \
  gboolean gonio_##name##_detect (const uint8_t *head, size_t size);                               \
  GonioImage *gonio_##name##_load (GBytes *bytes, guint frame, const GonioImageLimits *limits,     \
                                   GCancellable *cancellable, GError **error);

GONIO_DECLARE_FORMAT (png)
GONIO_DECLARE_FORMAT (jpeg)
GONIO_DECLARE_FORMAT (heif)
GONIO_DECLARE_FORMAT (tiff)
GONIO_DECLARE_FORMAT (dicom)
/* Read by plain.h only. */
GONIO_DECLARE_FORMAT (bmp)
GONIO_DECLARE_FORMAT (jp2)
GONIO_DECLARE_FORMAT (pnm)
GONIO_DECLARE_FORMAT (webp)

/* "this file has 1 picture; number 3 was asked for" unless frame < frames. */
gboolean gonio_frame_check (guint frame, guint frames, GError **error);

G_END_DECLS
