/* JPEG 2000 codestreams and JP2 boxes by OpenJPEG (2.5 also reads the high-throughput kind).
 * Depends on base and libopenjp2.
 */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

#include <openjpeg.h>

#define MAX_TILES  65535
#define MAX_LAYERS 1000

typedef struct {
  const uint8_t *data;
  size_t size, at;
} Source;

static OPJ_SIZE_T
source_read (void *out, OPJ_SIZE_T length, void *user_data)
{
  Source *s = user_data;
  size_t n = MIN (length, s->size - s->at);

  if (n == 0)
    return (OPJ_SIZE_T)-1;
  memcpy (out, s->data + s->at, n);
  s->at += n;
  return n;
}

static OPJ_OFF_T
source_skip (OPJ_OFF_T length, void *user_data)
{
  Source *s = user_data;

  if (length < 0 || (guint64)length > s->size - s->at) {
    s->at = s->size;
    return -1;
  }
  s->at += (size_t)length;
  return length;
}

static OPJ_BOOL
source_seek (OPJ_OFF_T offset, void *user_data)
{
  Source *s = user_data;

  if (offset < 0 || (guint64)offset > s->size)
    return OPJ_FALSE;
  s->at = (size_t)offset;
  return OPJ_TRUE;
}

typedef struct {
  opj_codec_t *codec;
  opj_stream_t *stream;
  opj_image_t *image;
  Source source;
  char message[160]; /* first error of the library */
} Decoder;

static void
decoder_clear (Decoder *d)
{
  if (d->image)
    opj_image_destroy (d->image);
  if (d->stream)
    opj_stream_destroy (d->stream);
  if (d->codec)
    opj_destroy_codec (d->codec);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Decoder, decoder_clear)

static void
on_error (const char *message, void *user_data)
{
  Decoder *d = user_data;

  if (d->message[0] == 0) {
    g_strlcpy (d->message, message, sizeof d->message);
    g_strchomp (d->message);
  }
}

static void
on_message (const char *message, void *user_data)
{
}

static gboolean
fail (const Decoder *d, GError **error)
{
  g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
               "the JPEG 2000 data are damaged or cut short (%s). Copy or send the file again",
               d->message[0] ? d->message : "no reason given");
  return FALSE;
}

static gboolean
decoder_open (Decoder *d)
{
  static const uint8_t box[4] = {0, 0, 0, 12};
  opj_dparameters_t parameters = {0};
  gboolean is_jp2 = d->source.size >= 4 && memcmp (d->source.data, box, 4) == 0;

  d->codec = opj_create_decompress (is_jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
  d->stream = opj_stream_create (1 << 20, OPJ_TRUE);
  if (!d->codec || !d->stream)
    return FALSE;
  opj_stream_set_user_data (d->stream, &d->source, NULL);
  opj_stream_set_user_data_length (d->stream, d->source.size);
  opj_stream_set_read_function (d->stream, source_read);
  opj_stream_set_skip_function (d->stream, source_skip);
  opj_stream_set_seek_function (d->stream, source_seek);
  opj_set_error_handler (d->codec, on_error, d);
  opj_set_warning_handler (d->codec, on_message, NULL);
  opj_set_info_handler (d->codec, on_message, NULL);
  opj_set_default_decoder_parameters (&parameters);
  return opj_setup_decoder (d->codec, &parameters) &&
         opj_decoder_set_strict_mode (d->codec, OPJ_TRUE) &&
         opj_read_header (d->stream, d->codec, &d->image);
}

/* What the header announces, before room is made for it. */
static gboolean
check_header (Decoder *d, guint width, guint height, guint components, GonioJpeg2000Info *out_info,
              GError **error)
{
  const opj_image_t *image = d->image;
  opj_codestream_info_v2_t *info = NULL;
  guint64 tiles = 0, layers = 0;

  if (image->numcomps != components || image->x1 - image->x0 != width ||
      image->y1 - image->y0 != height) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed picture is %u x %u with %u channels, but the header says %u x %u "
                 "with %u. Send the file again",
                 image->x1 - image->x0, image->y1 - image->y0, image->numcomps, width, height,
                 components);
    return FALSE;
  }
  for (guint c = 0; c < components; c++) {
    const opj_image_comp_t *comp = &image->comps[c];

    if (comp->dx != 1 || comp->dy != 1 || comp->prec < 1 || comp->prec > 16 ||
        comp->prec != image->comps[0].prec || comp->sgnd != image->comps[0].sgnd) {
      g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                           "JPEG 2000 with subsampled, uneven or more than 16-bit channels is not "
                           "read. Send the image uncompressed");
      return FALSE;
    }
  }
  info = opj_get_cstr_info (d->codec);
  if (info) {
    tiles = (guint64)info->tw * info->th;
    layers = info->m_default_tile_info.numlayers;
    out_info->has_transform = info->m_default_tile_info.mct != 0;
    opj_destroy_cstr_info (&info);
  }
  if (tiles > MAX_TILES || layers > MAX_LAYERS) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the JPEG 2000 data have %" G_GUINT64_FORMAT " tiles and %" G_GUINT64_FORMAT
                 " layers, more than any real picture. Send the image uncompressed",
                 tiles, layers);
    return FALSE;
  }
  return TRUE;
}

gboolean
gonio_jpeg2000_size (GBytes *data, guint *out_width, guint *out_height, guint *out_components,
                     GError **error)
{
  g_auto (Decoder) d = {0};

  d.source.data = g_bytes_get_data (data, &d.source.size);
  if (!decoder_open (&d))
    return fail (&d, error);
  if (d.image->color_space == OPJ_CLRSPC_SYCC || d.image->color_space == OPJ_CLRSPC_EYCC ||
      d.image->color_space == OPJ_CLRSPC_CMYK) {
    g_set_error_literal (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                         "JPEG 2000 in YCC or CMYK colours is not read. Export it as PNG");
    return FALSE;
  }
  *out_width = d.image->x1 - d.image->x0;
  *out_height = d.image->y1 - d.image->y0;
  *out_components = d.image->numcomps;
  return TRUE;
}

gboolean
gonio_jpeg2000_decode (GBytes *data, guint width, guint height, guint components, uint16_t *out,
                       GonioJpeg2000Info *out_info, GError **error)
{
  g_auto (Decoder) d = {0};
  GonioJpeg2000Info info = {0};
  size_t n = (size_t)width * height;
  guint mask = 0;

  d.source.data = g_bytes_get_data (data, &d.source.size);
  if (!decoder_open (&d))
    return fail (&d, error);
  if (!check_header (&d, width, height, components, &info, error))
    return FALSE;
  if (!opj_decode (d.codec, d.stream, d.image))
    return fail (&d, error);
  info.precision = d.image->comps[0].prec;
  info.is_signed = d.image->comps[0].sgnd != 0;
  mask = (1u << info.precision) - 1;
  for (guint c = 0; c < components; c++) {
    const opj_image_comp_t *comp = &d.image->comps[c];

    if (!comp->data || comp->w != width || comp->h != height)
      return fail (&d, error);
    for (size_t i = 0; i < n; i++)
      out[i * components + c] = (uint16_t)((guint)comp->data[i] & mask);
  }
  *out_info = info;
  return TRUE;
}
