/* What EXIF says about a picture. Private to core/imaging. Depends on base and libexif. */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct {
  int orientation;     /* 1..8; 1 when not given */
  gboolean is_camera;  /* camera make, model or exposure is there */
  guint focal_35mm;    /* 0 when not given */
  guint width, height; /* of the picture that the camera wrote; 0 when not given */
} GonioExif;

/* data: an EXIF block, with or without the "Exif\0\0" in front (a TIFF structure follows).
 * Whatever is broken in it is left out. */
GonioExif gonio_exif_read (const uint8_t *data, size_t size);

/* focal_35mm if it can hold for a picture of that size (before or after orientation), else 0:
 * a crop, told by other proportions than the camera's, has another angle of view. */
double gonio_exif_focal (const GonioExif *exif, guint width, guint height);

G_END_DECLS
