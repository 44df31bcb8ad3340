/* One DICOM frame to a raster: checks what the attributes promise, then hands the data to the
 * decoder that its content asks for. Depends on base.
 */
#include "core/imaging/dicom.h"
#include "core/imaging/formats.h"
#include "core/imaging/jpeg-markers.h"
#include "core/imaging/load-private.h"

void
gonio_dicom_raster_clear (GonioDicomRaster *raster)
{
  g_clear_pointer (&raster->data, g_bytes_unref);
}

static gboolean
is_422 (const GonioDicom *d)
{
  return d->samples == 3 && d->codec == GONIO_DICOM_NATIVE &&
         (g_strcmp0 (d->info.photometric, "YBR_FULL_422") == 0 ||
          g_strcmp0 (d->info.photometric, "YBR_PARTIAL_422") == 0);
}

static gboolean
is_ybr (const GonioDicom *d)
{
  return d->info.photometric && g_str_has_prefix (d->info.photometric, "YBR_");
}

static gboolean
check_attributes (const GonioDicom *d, const GonioImageLimits *limits, GError **error)
{
  if (d->samples != 1 && d->samples != 3) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "the image has %u channels (Samples per Pixel); only 1 (grey) and 3 (colour) are "
                 "read. Export it as grey",
                 d->samples);
    return FALSE;
  }
  if (d->rows == 0 || d->columns == 0) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the DICOM header does not say how many rows and columns the image has. "
                         "Send the file again");
    return FALSE;
  }
  if (!gonio_limits_check (limits, d->columns, d->rows, error))
    return FALSE;
  if (d->bits_allocated == 0) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                         "the DICOM header does not say how many bits a pixel has (Bits "
                         "Allocated). Send the file again");
    return FALSE;
  }
  if (d->bits_allocated != 8 && d->bits_allocated != 16) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "the image has %u bits per pixel; X-ray images have 8 to 16. %s",
                 d->bits_allocated,
                 d->bits_allocated == 1    ? "It is a mask: open the image it belongs to"
                 : d->bits_allocated == 32 ? "It is a dose or parameter map: open the image itself"
                                           : "Export it with 8 or 16 bits");
    return FALSE;
  }
  return TRUE;
}

/* Bytes of one native frame. */
static guint64
frame_bytes (const GonioDicom *d)
{
  guint64 pixels = (guint64)d->rows * d->columns;

  if (is_422 (d))
    return pixels * 2;
  return pixels * d->samples * (d->bits_allocated / 8);
}

static gboolean
decode_rle (const GonioDicom *d, GBytes *data, GonioDicomRaster *out, GError **error)
{
  guint bytes = d->bits_allocated / 8;
  size_t pixels = (size_t)d->rows * d->columns, size = pixels * d->samples * bytes;
  g_autofree uint8_t *buffer = gonio_pixels_alloc (pixels, d->samples, bytes, error);

  if (!buffer || !gonio_dicom_rle_decode (data, pixels, d->samples, bytes, buffer, error))
    return FALSE;
  out->data = g_bytes_new_take (g_steal_pointer (&buffer), size);
  out->planar = FALSE;
  return TRUE;
}

static gboolean
decode_jpeg2000 (const GonioDicom *d, GBytes *data, GonioDicomRaster *out, GError **error)
{
  size_t n = (size_t)d->rows * d->columns * d->samples;
  g_autofree uint16_t *buffer = gonio_pixels_alloc (n, 2, 1, error);
  GonioJpeg2000Info info = {0};

  if (!buffer ||
      !gonio_jpeg2000_decode (data, d->columns, d->rows, d->samples, buffer, &info, error))
    return FALSE;
  out->data = g_bytes_new_take (g_steal_pointer (&buffer), n * 2);
  out->bytes_per_sample = 2;
  out->planar = FALSE;
  out->is_ybr = is_ybr (d) && !info.has_transform;
  /* Where stream and attributes disagree about the sign, the stream knows the width. */
  out->bits =
      info.is_signed != d->is_signed ? info.precision : MIN (d->bits_stored, info.precision);
  out->high_bit = out->bits - 1;
  return TRUE;
}

/* Colour model of a JPEG stream: markers first, for they made the encoder's choice. */
static const char *
stream_photometric (const GonioDicom *d, const GonioJpegMarkers *m)
{
  if (d->samples == 1)
    return "MONOCHROME2";
  if (m->sof == 0xF7 || m->sof == 0xC3)
    return is_ybr (d) ? "YBR_FULL" : "RGB"; /* lossless streams say nothing */
  if (m->has_adobe)
    return m->adobe_transform == 0 ? "RGB" : "YBR_FULL";
  if (m->has_jfif)
    return "YBR_FULL";
  return m->ids_are_rgb || !is_ybr (d) ? "RGB" : "YBR_FULL";
}

static gboolean
check_stream (const GonioDicom *d, const GonioJpegMarkers *m, const GonioImageLimits *limits,
              GError **error)
{
  if (m->width != d->columns || m->height != d->rows || m->components != d->samples) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed picture is %u x %u with %u channels, but the header says %u x %u "
                 "with %u. Send the file again",
                 m->width, m->height, m->components, d->columns, d->rows, d->samples);
    return FALSE;
  }
  if (m->precision < 2 || m->precision > 16) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed picture claims %u bits per sample. Send the file again",
                 m->precision);
    return FALSE;
  }
  return gonio_jpeg_markers_check (m, limits, error);
}

static gboolean
decode_jpeg (const GonioDicom *d, GBytes *data, const GonioImageLimits *limits,
             GonioDicomRaster *out, GError **error)
{
  size_t size = 0, need = 0;
  const uint8_t *stream = g_bytes_get_data (data, &size);
  GonioJpegMarkers m = {0};
  GonioDicomStream s = {0};
  g_autofree uint8_t *buffer = NULL;
  g_autoptr (GBytes) complete = NULL;
  guint bytes = 0;

  if (!gonio_jpeg_markers_read (stream, size, &m, error) || !check_stream (d, &m, limits, error))
    return FALSE;
  bytes = m.precision > 8 ? 2 : 1;
  need = (size_t)d->rows * d->columns * d->samples * bytes;
  need += need & 1;
  buffer = gonio_pixels_alloc (need, 1, 1, error);
  if (!buffer)
    return FALSE;
  s = (GonioDicomStream){
      .rows = d->rows,
      .columns = d->columns,
      .samples = d->samples,
      .precision = m.precision,
      .sof = m.sof,
      .photometric = stream_photometric (d, &m),
  };
  complete = gonio_jpegls_with_presets (data, &m);
  if (!gonio_dicom_decode_stream (&s, complete, buffer, need, &out->is_ybr, error))
    return FALSE;
  out->data = g_bytes_new_take (g_steal_pointer (&buffer), need);
  out->bytes_per_sample = bytes;
  out->planar = FALSE;
  /* More bits than 8 in an 8-bit image: the stream is right. */
  out->bits = bytes == 2 && d->bits_allocated == 8 ? m.precision : MIN (d->bits_stored, bytes * 8);
  out->high_bit = out->bits - 1;
  return TRUE;
}

gboolean
gonio_dicom_decode (GonioDicomFile *file, const GonioDicom *d, guint frame,
                    const GonioImageLimits *limits, GonioDicomRaster *out, GError **error)
{
  static const uint8_t soc[4] = {0xFF, 0x4F, 0xFF, 0x51}, jp2[4] = {0, 0, 0, 12};
  g_auto (GonioDicomRaster) raster = {0};
  g_autoptr (GBytes) data = NULL;
  const uint8_t *head = NULL;
  size_t size = 0;
  gboolean ok = FALSE;

  if (!check_attributes (d, limits, error) || !gonio_frame_check (frame, d->frames, error))
    return FALSE;
  data = gonio_dicom_file_read_frame (file, d, frame, frame_bytes (d), error);
  if (!data)
    return FALSE;
  raster = (GonioDicomRaster){
      .bytes_per_sample = d->bits_allocated / 8,
      .planar = d->samples == 3 && d->planar == 1,
      .packed_422 = is_422 (d),
      .is_ybr = is_ybr (d),
      .is_compressed = d->codec != GONIO_DICOM_NATIVE && d->codec != GONIO_DICOM_RLE,
      .bits = d->bits_stored,
      .high_bit = d->high_bit,
  };
  head = g_bytes_get_data (data, &size);
  if (d->codec == GONIO_DICOM_NATIVE) {
    raster.data = g_steal_pointer (&data);
    ok = TRUE;
  } else if (d->codec == GONIO_DICOM_RLE) {
    ok = decode_rle (d, data, &raster, error);
  } else if (size > 4 && (memcmp (head, soc, 4) == 0 || memcmp (head, jp2, 4) == 0)) {
    ok = decode_jpeg2000 (d, data, &raster, error);
  } else {
    ok = decode_jpeg (d, data, limits, &raster, error);
  }
  if (!ok)
    return FALSE;
  *out = raster;
  raster.data = NULL;
  return TRUE;
}
