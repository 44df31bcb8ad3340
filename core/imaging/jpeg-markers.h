/* A look at a JPEG or JPEG-LS stream before a decoder gets it. Private to core/imaging.
 * Depends on base.
 */
#pragma once

#include "core/imaging/image.h"

G_BEGIN_DECLS

typedef struct {
  guint8 sof;      /* low byte of the frame marker: 0xC0 baseline, 0xC3 lossless, 0xF7 JPEG-LS */
  guint precision; /* bits per sample */
  guint width, height;
  guint components;
  guint scans; /* SOS markers */
  gboolean has_jfif;
  gboolean has_adobe;
  guint8 adobe_transform; /* 0 none, 1 YCbCr, 2 YCCK */
  gboolean has_presets;   /* JPEG-LS: an LSE segment */
  guint near_loss;        /* JPEG-LS: NEAR of the first scan */
  size_t first_scan;      /* offset of the first SOS marker */
  gboolean ids_are_rgb;   /* component identifiers 'R', 'G', 'B' */
  const uint8_t *exif;    /* nullable, inside data: from "Exif\0\0" on */
  size_t exif_size;
} GonioJpegMarkers;

/* FALSE with GONIO_IMAGE_ERROR_MALFORMED when there is no frame header. Linear in size. */
gboolean gonio_jpeg_markers_read (const uint8_t *data, size_t size, GonioJpegMarkers *out,
                                  GError **error);
/* Size, and for many-pass files the work, within limits. */
gboolean gonio_jpeg_markers_check (const GonioJpegMarkers *markers, const GonioImageLimits *limits,
                                   GError **error);

/* The stream with the default thresholds written out, for CharLS 1 computes them wrongly below 8
 * bits (T.87 C.2.4.1.1.1); the stream itself where nothing need be done. (transfer full) */
GBytes *gonio_jpegls_with_presets (GBytes *stream, const GonioJpegMarkers *markers);

G_END_DECLS
