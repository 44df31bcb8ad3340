/* What EXIF says about a picture. Private to core/imaging. Depends on base and libexif. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct {
  int orientation;    /* 1..8; 1 when not given */
  gboolean is_camera; /* camera make, model or exposure is there */
} GonioExif;

/* data: an EXIF block, with or without the "Exif\0\0" in front (a TIFF structure follows).
 * Whatever is broken in it is left out. */
GonioExif gonio_exif_read (const uint8_t *data, size_t size);

G_END_DECLS
