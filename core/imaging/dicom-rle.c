/* DICOM run-length encoding (PS3.5 annex G): one PackBits segment per byte plane, most
 * significant byte first. Depends on base.
 */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#define HEADER_BYTES 64
#define MAX_SEGMENTS 15

static guint32
le32 (const uint8_t *p)
{
  return (guint32)p[0] | (guint32)p[1] << 8 | (guint32)p[2] << 16 | (guint32)p[3] << 24;
}

/* Writes count bytes stride apart. FALSE when the segment ends early. */
static gboolean
unpack_segment (const uint8_t *in, size_t size, uint8_t *out, size_t count, size_t stride)
{
  size_t at = 0, done = 0;

  while (done < count) {
    int8_t control = 0;
    size_t n = 0;

    if (at >= size)
      return FALSE;
    control = (int8_t)in[at++];
    if (control == -128)
      continue;
    n = control >= 0 ? (size_t)control + 1 : (size_t)1 - control;
    n = MIN (n, count - done);
    if (at + (control >= 0 ? n : 1) > size)
      return FALSE;
    for (size_t i = 0; i < n; i++)
      out[(done + i) * stride] = control >= 0 ? in[at + i] : in[at];
    at += control >= 0 ? n : 1;
    done += n;
  }
  return TRUE;
}

gboolean
gonio_dicom_rle_decode (GBytes *data, size_t pixels, guint samples, guint bytes, uint8_t *out,
                        GError **error)
{
  size_t size = 0;
  const uint8_t *in = g_bytes_get_data (data, &size);
  guint wanted = samples * bytes, segments = size >= HEADER_BYTES ? le32 (in) : 0;

  if (segments != wanted || wanted > MAX_SEGMENTS) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the run-length header is damaged: %u byte planes where %u are needed. "
                 "Copy or send the file again",
                 segments, wanted);
    return FALSE;
  }
  for (guint s = 0; s < segments; s++) {
    size_t start = le32 (in + 4 + 4 * s);
    size_t end = s + 1 < segments ? le32 (in + 8 + 4 * s) : size;
    guint sample = s / bytes, byte = s % bytes;
    size_t place = G_BYTE_ORDER == G_LITTLE_ENDIAN ? bytes - 1 - byte : byte;

    if (start < HEADER_BYTES || start > end || end > size ||
        !unpack_segment (in + start, end - start, out + sample * bytes + place, pixels,
                         (size_t)samples * bytes)) {
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the run-length data end early: byte plane %u of %u is not complete. "
                   "Copy or send the file again",
                   s + 1, segments);
      return FALSE;
    }
  }
  return TRUE;
}
