/* Marker walk over JPEG (ITU-T T.81 B.1) and JPEG-LS (T.87 C) streams. Depends on base. */
#include "core/imaging/jpeg-markers.h"

#include "core/imaging/load-private.h"

static guint
be16 (const uint8_t *p)
{
  return (guint)p[0] << 8 | p[1];
}

static gboolean
is_frame_header (guint8 marker)
{
  /* C4, C8 and CC are tables and reserved; F7 is JPEG-LS. */
  return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) ||
         marker == 0xF7;
}

/* Markers without a length: fill, TEM, RST0..7, SOI, EOI. */
static gboolean
stands_alone (guint8 marker)
{
  return marker == 0x00 || marker == 0xFF || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD9);
}

static void
read_segment (guint8 marker, const uint8_t *body, size_t length, GonioJpegMarkers *out)
{
  if (is_frame_header (marker) && length >= 6 && out->components == 0) {
    out->sof = marker;
    out->precision = body[0];
    out->height = be16 (body + 1);
    out->width = be16 (body + 3);
    out->components = body[5];
    out->ids_are_rgb =
        length >= 15 && body[5] == 3 && body[6] == 'R' && body[9] == 'G' && body[12] == 'B';
  } else if (marker == 0xDA) {
    if (out->scans == 0 && length >= 3)
      out->near_loss = body[length - 3];
    out->scans++;
  } else if (marker == 0xF8) {
    out->has_presets = TRUE;
  } else if (marker == 0xE0 && length >= 5 && memcmp (body, "JFIF", 5) == 0) {
    out->has_jfif = TRUE;
  } else if (marker == 0xE1 && length >= 6 && memcmp (body, "Exif\0\0", 6) == 0 && !out->exif) {
    out->exif = body;
    out->exif_size = length;
  } else if (marker == 0xEE && length >= 12 && memcmp (body, "Adobe", 5) == 0) {
    out->has_adobe = TRUE;
    out->adobe_transform = body[11];
  }
}

gboolean
gonio_jpeg_markers_read (const uint8_t *data, size_t size, GonioJpegMarkers *out, GError **error)
{
  GonioJpegMarkers found = {0};
  size_t at = 0;

  while (at + 1 < size) {
    const uint8_t *next = memchr (data + at, 0xFF, size - at - 1);
    guint8 marker = 0;
    size_t length = 0;

    if (!next)
      break;
    marker = next[1];
    at = (size_t)(next - data) + (marker == 0xFF ? 1 : 2);
    if (marker == 0xD9 && found.components > 0)
      break;
    if (stands_alone (marker) || at + 2 > size)
      continue;
    length = be16 (data + at);
    if (length < 2)
      continue;
    if (marker == 0xDA && found.scans == 0)
      found.first_scan = at - 2;
    read_segment (marker, data + at + 2, MIN (length - 2, size - at - 2), &found);
    at = MIN (at + length, size);
  }
  if (found.components == 0) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the JPEG data have no frame header: they are cut short or damaged. "
                         "Copy the file again");
    return FALSE;
  }
  *out = found;
  return TRUE;
}

gboolean
gonio_jpeg_markers_check (const GonioJpegMarkers *markers, const GonioImageLimits *limits,
                          GError **error)
{
  guint64 pixels = (guint64)markers->width * markers->height;

  if (!gonio_limits_check (limits, markers->width, markers->height, error))
    return FALSE;
  if (markers->scans > 8 && pixels * markers->scans > GONIO_IMAGE_MAX_SCAN_PIXELS) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the JPEG data take %u passes over %.0f million pixels, which is more than any "
                 "real picture does. Export the image again",
                 markers->scans, pixels / 1e6);
    return FALSE;
  }
  return TRUE;
}

GBytes *
gonio_jpegls_with_presets (GBytes *stream, const GonioJpegMarkers *m)
{
  guint maxval = (1u << m->precision) - 1, factor = 256 / (maxval + 1), n = m->near_loss;
  guint t1 = 0, t2 = 0, t3 = 0;
  size_t size = 0;
  const uint8_t *data = g_bytes_get_data (stream, &size);
  GByteArray *out = NULL;

  if (m->sof != 0xF7 || m->precision >= 8 || m->has_presets || m->first_scan == 0)
    return g_bytes_ref (stream);
  t1 = CLAMP (MAX (2, 3 / factor + 3 * n), n + 1, maxval);
  t2 = CLAMP (MAX (3, 7 / factor + 5 * n), t1, maxval);
  t3 = CLAMP (MAX (4, 21 / factor + 7 * n), t2, maxval);
  out = g_byte_array_sized_new ((guint)size + 15);
  g_byte_array_append (out, data, (guint)m->first_scan);
  g_byte_array_append (out,
                       (const uint8_t[]){0xFF, 0xF8, 0, 13, 1, 0, (uint8_t)maxval, 0, (uint8_t)t1,
                                         0, (uint8_t)t2, 0, (uint8_t)t3, 0, 64},
                       15);
  g_byte_array_append (out, data + m->first_scan, (guint)(size - m->first_scan));
  return g_byte_array_free_to_bytes (out);
}
